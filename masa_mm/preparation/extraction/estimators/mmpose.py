"""MMPose 1.x, by its own inferencer."""

from __future__ import annotations

from typing import Any

import numpy as np

from masa_mm.preparation.extraction.estimators.base import (
    ESTIMATORS,
    Persons,
    PoseEstimator,
    need,
    nobody,
)

PACKAGES = "mmpose mmdet, and mmcv in place of mmcv-lite (docs/get_started.md)"


@ESTIMATORS.register_module(name="mmpose")
class MMPoseEstimator(PoseEstimator):
    """``mmpose.apis.MMPoseInferencer`` with a whole-body model: 133 joints a person.

    Args:
        device: 'cpu', 'cuda' or 'cuda:N'.
        pose2d: the model: 'wholebody', or the name or file of a config of such a model.
        **options: more arguments of the inferencer: ``pose2d_weights``, ``det_model``, ...

    Raises:
        EstimatorError: mmpose is not installed.
    """

    layout = "coco_wholebody"
    on_gpu = True

    def __init__(self, device: str = "cpu", pose2d: str = "wholebody", **options: Any) -> None:
        apis = need("mmpose.apis", "mmpose", PACKAGES)
        self._inferencer = apis.MMPoseInferencer(pose2d=pose2d, device=device, **options)

    def persons(self, frame: np.ndarray) -> Persons:
        (found,) = next(self._inferencer(frame, return_vis=False))["predictions"]
        if not found:
            return nobody(self.layout)
        return Persons(
            np.array([person["keypoints"] for person in found]),
            np.array([person["keypoint_scores"] for person in found]),
        )
