"""MediaPipe's Holistic Landmarker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from masa_mm.pose.skeleton import source_layout
from masa_mm.preparation.extraction.estimators.base import (
    ESTIMATORS,
    EstimatorError,
    Persons,
    PoseEstimator,
    need,
    nobody,
)

# In video mode frames need times; what matters is that they rise.
_FRAME_MS = 40
_BODY, _HAND = 33, 21


@ESTIMATORS.register_module(name="mediapipe")
class MediaPipeEstimator(PoseEstimator):
    """``mediapipe.tasks.vision.HolisticLandmarker`` in video mode: 33 body joints and both hands.

    One person; hands have no score of their own and count as seen (1) where they are found.

    Args:
        device: 'cpu'.
        model: the file ``holistic_landmarker.task``, from MediaPipe's site.
        **options: more of ``HolisticLandmarkerOptions``: ``min_pose_detection_confidence``, ...

    Raises:
        EstimatorError: mediapipe is not installed, the model is not there, or a GPU is asked for.
    """

    layout = "mediapipe_holistic"

    def __init__(self, device: str = "cpu", model: str | None = None, **options: Any) -> None:
        if device != "cpu":
            raise EstimatorError("mediapipe runs on the CPU here; leave --device out")
        self._mediapipe = need("mediapipe", "mediapipe", "mediapipe")
        if model is None or not Path(model).is_file():
            raise EstimatorError(
                f"the estimator 'mediapipe' needs its model, {model or 'none was named'}: load "
                "holistic_landmarker.task from MediaPipe's site, --estimator-options model=FILE"
            )
        tasks = self._mediapipe.tasks
        self._options = tasks.vision.HolisticLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_path=str(model)),
            running_mode=tasks.vision.RunningMode.VIDEO,
            **options,
        )
        self._landmarker = None
        self.begin_clip()  # a model that cannot be read shows now

    def begin_clip(self) -> None:
        """A landmarker of its own for each clip: it tracks from frame to frame."""
        if self._landmarker is not None:
            self._landmarker.close()
        landmarker = self._mediapipe.tasks.vision.HolisticLandmarker
        self._landmarker, self._frame = landmarker.create_from_options(self._options), 0

    def persons(self, frame: np.ndarray) -> Persons:
        image = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB,
            data=np.ascontiguousarray(frame[..., ::-1]),
        )
        found = self._landmarker.detect_for_video(image, self._frame * _FRAME_MS)
        self._frame += 1
        return self._person(found, frame.shape)

    def _person(self, found: Any, shape: tuple[int, ...]) -> Persons:
        keypoint = np.zeros((1, source_layout(self.layout).num_joints, 2), np.float32)
        score = np.zeros(keypoint.shape[:2], np.float32)
        parts = (found.pose_landmarks, found.left_hand_landmarks, found.right_hand_landmarks)
        start = 0
        for landmarks, size in zip(parts, (_BODY, _HAND, _HAND)):
            if landmarks:
                place = slice(start, start + size)
                keypoint[0, place] = [(mark.x, mark.y) for mark in landmarks]
                score[0, place] = [_score(mark) for mark in landmarks] if size == _BODY else 1
            start += size
        if not score.any():
            return nobody(self.layout)
        return Persons(keypoint * (shape[1], shape[0]), score)


def _score(landmark: Any) -> float:
    return 1.0 if landmark.visibility is None else landmark.visibility
