"""The estimators RTMLib, MMPose and MediaPipe; their packages are imported when they are built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from masa_mm.pose.skeleton import source_layout
from masa_mm.preparation.extraction.estimators import (
    ESTIMATORS,
    EstimatorError,
    Persons,
    PoseEstimator,
    nobody,
    require,
)

_RTMLIB = "rtmlib onnxruntime  (for a GPU onnxruntime-gpu)"
_MMPOSE = "mmpose mmdet, and mmcv in place of mmcv-lite (docs/get_started.md)"
# Video mode of MediaPipe needs increasing timestamps; their distance has no effect.
_FRAME_MS = 40
_BODY, _HAND = 33, 21  # MediaPipe's joints


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


@ESTIMATORS.register_module(name="mediapipe")
class MediaPipeEstimator(PoseEstimator):
    """``mediapipe.tasks.vision.HolisticLandmarker`` in video mode: 33 body joints and both hands.

    It finds one person. MediaPipe gives hands no scores; a detected hand has score 1.

    Args:
        device (str): 'cpu'.
        model (str | None): The file ``holistic_landmarker.task`` from MediaPipe's site. Required.
        **options (Any): Further ``HolisticLandmarkerOptions``: ``min_pose_detection_confidence``...

    Raises:
        EstimatorError: If the model is missing, or the device is a GPU.
    """

    layout = "mediapipe_holistic"

    def __init__(self, device: str = "cpu", model: str | None = None, **options: Any) -> None:
        if device != "cpu":
            raise EstimatorError("mediapipe runs on the CPU here; leave --device out")
        self._mediapipe: Any = require("mediapipe", "mediapipe", "mediapipe")
        if model is None or not Path(model).is_file():
            raise EstimatorError(
                "the estimator 'mediapipe' needs its model file, "
                f"{'none was given' if model is None else f'{model} does not exist'}: download "
                "holistic_landmarker.task from MediaPipe's site, --estimator-options model=FILE"
            )
        tasks = self._mediapipe.tasks
        self._options = tasks.vision.HolisticLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_path=str(model)),
            running_mode=tasks.vision.RunningMode.VIDEO,
            **options,
        )
        self._landmarker: Any = None
        self.begin_clip()  # a damaged model fails now

    def begin_clip(self) -> None:
        """Start a new landmarker: it tracks from frame to frame."""
        if self._landmarker is not None:
            self._landmarker.close()
        landmarker = self._mediapipe.tasks.vision.HolisticLandmarker
        self._landmarker, self._frame = landmarker.create_from_options(self._options), 0

    def persons(self, frame: np.ndarray) -> Persons:
        """Find the person in an image."""
        image = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB,
            data=np.ascontiguousarray(frame[..., ::-1]),
        )
        result = self._landmarker.detect_for_video(image, self._frame * _FRAME_MS)
        self._frame += 1
        return self._to_persons(result, frame.shape)

    def _to_persons(self, result: Any, shape: tuple[int, ...]) -> Persons:
        keypoint = np.zeros((1, source_layout(self.layout).num_joints, 2), np.float32)
        score = np.zeros(keypoint.shape[:2], np.float32)
        parts = (result.pose_landmarks, result.left_hand_landmarks, result.right_hand_landmarks)
        start = 0
        for landmarks, size in zip(parts, (_BODY, _HAND, _HAND)):
            if landmarks:
                joints = slice(start, start + size)
                keypoint[0, joints] = [(mark.x, mark.y) for mark in landmarks]
                score[0, joints] = [_visibility(m) for m in landmarks] if size == _BODY else 1
            start += size
        if not score.any():
            return nobody(self.layout)
        return Persons(keypoint * (shape[1], shape[0]), score)


def _visibility(landmark: Any) -> float:
    return 1.0 if landmark.visibility is None else landmark.visibility
