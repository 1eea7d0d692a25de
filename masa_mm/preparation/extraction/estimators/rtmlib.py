"""RTMLib: RTMPose's whole-body networks on ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np

from masa_mm.preparation.extraction.estimators.base import ESTIMATORS, Persons, PoseEstimator, need

PACKAGES = "rtmlib onnxruntime  (for a GPU onnxruntime-gpu)"


@ESTIMATORS.register_module(name="rtmlib")
class RTMLibEstimator(PoseEstimator):
    """``rtmlib.Wholebody``: a person detector, then 133 joints a person.

    It loads its weights from their authors' site when first used. Where the detector finds nobody,
    rtmlib takes the whole image for a person.

    Args:
        device: 'cpu', 'cuda' or 'cuda:N'.
        mode: 'performance', 'balanced' or 'lightweight', rtmlib's own choices of networks.
        backend: 'onnxruntime', 'opencv' or 'openvino'.
        **options: more arguments of ``rtmlib.Wholebody``: ``det``, ``pose``, ...

    Raises:
        EstimatorError: rtmlib is not installed.
    """

    layout = "coco_wholebody"
    on_gpu = True

    def __init__(
        self,
        device: str = "cpu",
        mode: str = "performance",
        backend: str = "onnxruntime",
        **options: Any,
    ) -> None:
        rtmlib = need("rtmlib", "rtmlib", PACKAGES)
        if backend == "onnxruntime":
            need("onnxruntime", "rtmlib", PACKAGES)
        self._model = rtmlib.Wholebody(
            mode=mode, backend=backend, device=device, to_openpose=False, **options
        )

    def persons(self, frame: np.ndarray) -> Persons:
        return Persons(*self._model(frame))
