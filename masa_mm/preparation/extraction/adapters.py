"""The estimators RTMLib and MMPose; their packages are imported when they are built."""

from __future__ import annotations

from typing import Any

import numpy as np

from masa_mm.preparation.extraction.estimators import (
    ESTIMATORS,
    Persons,
    PoseEstimator,
    nobody,
    require,
)

_RTMLIB = "rtmlib onnxruntime  (for a GPU onnxruntime-gpu)"
_MMPOSE = "mmpose mmdet, and mmcv in place of mmcv-lite (docs/get_started.md)"


@ESTIMATORS.register_module(name="rtmlib")
class RTMLibEstimator(PoseEstimator):
    """``rtmlib.Wholebody``: a person detector and RTMPose's whole-body networks on ONNX Runtime.

    RTMLib downloads its authors' weights when first used. Where the detector finds nobody, it takes
    the whole image as one person.

    Args:
        device (str): 'cpu', 'cuda' or 'cuda:N'.
        mode (str): RTMLib's choice of networks: 'performance', 'balanced' or 'lightweight'.
        backend (str): 'onnxruntime', 'opencv' or 'openvino'.
        **options (Any): Further arguments of ``rtmlib.Wholebody``: ``det``, ``pose``, ...
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
        rtmlib = require("rtmlib", "rtmlib", _RTMLIB)
        if backend == "onnxruntime":
            require("onnxruntime", "rtmlib", _RTMLIB)
        self._model = rtmlib.Wholebody(
            mode=mode, backend=backend, device=device, to_openpose=False, **options
        )

    def persons(self, frame: np.ndarray) -> Persons:
        """Find all persons in an image."""
        return Persons(*self._model(frame))


@ESTIMATORS.register_module(name="mmpose")
class MMPoseEstimator(PoseEstimator):
    """``mmpose.apis.MMPoseInferencer`` of MMPose 1.x with a whole-body model.

    Args:
        device (str): 'cpu', 'cuda' or 'cuda:N'.
        pose2d (str): 'wholebody', or the name or file of the config of another whole-body model.
        **options (Any): Further arguments of the inferencer: ``pose2d_weights``, ``det_model``, ...
    """

    layout = "coco_wholebody"
    on_gpu = True

    def __init__(self, device: str = "cpu", pose2d: str = "wholebody", **options: Any) -> None:
        apis = require("mmpose.apis", "mmpose", _MMPOSE)
        self._inferencer = apis.MMPoseInferencer(pose2d=pose2d, device=device, **options)

    def persons(self, frame: np.ndarray) -> Persons:
        """Find all persons in an image."""
        (found,) = next(self._inferencer(frame, return_vis=False))["predictions"]
        if not found:
            return nobody(self.layout)
        return Persons(
            np.array([person["keypoints"] for person in found]),
            np.array([person["keypoint_scores"] for person in found]),
        )
