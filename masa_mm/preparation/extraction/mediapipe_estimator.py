"""The estimator MediaPipe: the older Holistic in a process of its own, or the newer Tasks API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from masa_mm.preparation.extraction.estimators import (
    ESTIMATORS,
    EstimatorError,
    Persons,
    PoseEstimator,
    nobody,
    require,
)
from masa_mm.preparation.extraction.holistic_process import HolisticProcess
from masa_mm.preparation.extraction.mediapipe_environment import python_with_holistic
from masa_mm.preparation.extraction.mediapipe_worker import landmarks

# Video mode needs increasing timestamps; their distance has no effect.
_FRAME_MS = 40


@ESTIMATORS.register_module(name="mediapipe")
class MediaPipeEstimator(PoseEstimator):
    """MediaPipe's Holistic: 33 body joints and both hands of one person.

    Without a model file it is ``mediapipe.solutions.holistic`` with the networks of the wheel, in
    the current Python or in an environment beside
    (:mod:`masa_mm.preparation.extraction.mediapipe_environment`). With a model file it is
    ``mediapipe.tasks.vision.HolisticLandmarker`` of a newer release in the current Python.

    Body scores are MediaPipe's visibilities. It gives hands no scores; a detected hand has score 1.

    Args:
        device (str): 'cpu'.
        model (str | None): The file ``holistic_landmarker.task`` from MediaPipe's site.
        **options (Any): Further arguments of ``Holistic``: ``min_detection_confidence``,
            ``min_tracking_confidence``...; with a model file ``HolisticLandmarkerOptions``.

    Raises:
        EstimatorError: If it does not start, the model does not exist, or the device is a GPU.
    """

    layout = "mediapipe_holistic"

    def __init__(self, device: str = "cpu", model: str | None = None, **options: Any) -> None:
        if device != "cpu":
            raise EstimatorError("mediapipe runs on the CPU here; leave --device out")
        self._holistic: HolisticProcess | _Landmarker
        if model is None:
            self._holistic = HolisticProcess(python_with_holistic(), options)
        else:
            self._holistic = _Landmarker(model, options)

    def begin_clip(self) -> None:
        """Forget the previous clip: Holistic tracks from frame to frame."""
        self._holistic.begin_clip()

    def persons(self, frame: np.ndarray) -> Persons:
        """Find the person in an image."""
        found = self._holistic.find(np.ascontiguousarray(frame[..., ::-1]))
        if not found[:, 2].any():
            return nobody(self.layout)
        size = np.array(frame.shape[1::-1], np.float32)
        return Persons(found[None, :, :2] * size, found[None, :, 2])

    def close(self) -> None:
        """End MediaPipe."""
        self._holistic.close()


class _Landmarker:
    """``mediapipe.tasks.vision.HolisticLandmarker`` in video mode."""

    def __init__(self, model: str, options: dict[str, Any]) -> None:
        self._mediapipe: Any = require("mediapipe", "mediapipe", "mediapipe")
        if not Path(model).is_file():
            raise EstimatorError(
                f"the model file {model} does not exist: download holistic_landmarker.task from "
                "MediaPipe's site, or leave 'model=' out"
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
        """Start a new landmarker."""
        self.close()
        landmarker = self._mediapipe.tasks.vision.HolisticLandmarker
        self._landmarker, self._frame = landmarker.create_from_options(self._options), 0

    def find(self, image: np.ndarray) -> np.ndarray:
        """Find the person in an image as :meth:`HolisticProcess.find` does."""
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=image)
        result = self._landmarker.detect_for_video(image, self._frame * _FRAME_MS)
        self._frame += 1
        return landmarks(
            result.pose_landmarks, result.left_hand_landmarks, result.right_hand_landmarks
        )

    def close(self) -> None:
        """End the landmarker."""
        if self._landmarker is not None:
            self._landmarker.close()
            self._landmarker = None
