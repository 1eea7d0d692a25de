"""MediaPipe's adapter, with a stand-in for its documented Tasks API."""

import sys
import types

import numpy as np
import pytest

from masa_mm.pose.skeleton import source_layout
from masa_mm.preparation.extraction import MediaPipeEstimator
from masa_mm.preparation.extraction.estimators import EstimatorError


def mark(x, y, visibility=None):
    return types.SimpleNamespace(x=x, y=y, z=0.0, visibility=visibility, presence=None)


class Landmarker:
    """As MediaPipe 1.2: RGB images, increasing timestamps, empty lists of unseen landmarks."""

    made = []

    @classmethod
    def create_from_options(cls, options):
        self = cls()
        self.options, self.times, self.closed = options, [], False
        cls.made.append(self)
        return self

    def close(self):
        self.closed = True

    def detect_for_video(self, image, timestamp_ms):
        assert not self.closed and (not self.times or timestamp_ms > self.times[-1])
        self.times.append(timestamp_ms)
        red, body = int(image.data[0, 0, 0]), image.data[0, 0, 1]
        return types.SimpleNamespace(
            pose_landmarks=[mark(0.5, i / 100, 0.25) for i in range(33)] if body else [],
            left_hand_landmarks=[mark(0.1, 0.2)] * 21 if red in (1, 3) else [],
            right_hand_landmarks=[mark(0.8, 0.4)] * 21 if red in (2, 3) else [],
        )


@pytest.fixture(autouse=True)
def package(monkeypatch):
    Landmarker.made = []
    vision = types.SimpleNamespace(
        HolisticLandmarker=Landmarker,
        HolisticLandmarkerOptions=lambda **kwargs: kwargs,
        RunningMode=types.SimpleNamespace(VIDEO="VIDEO"),
    )
    tasks = types.SimpleNamespace(vision=vision, BaseOptions=lambda **kwargs: kwargs)
    module = types.SimpleNamespace(
        tasks=tasks,
        ImageFormat=types.SimpleNamespace(SRGB="SRGB"),
        Image=lambda image_format, data: types.SimpleNamespace(format=image_format, data=data),
    )
    monkeypatch.setitem(sys.modules, "mediapipe", module)


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "holistic_landmarker.task"
    path.write_bytes(b"model")
    return str(path)


def frame(hands, body=1, size=(50, 100)):
    """A BGR image; the stand-in reads the hands from red and the body from green."""
    picture = np.zeros((*size, 3), np.uint8)
    picture[0, 0] = (9, body, hands)
    return picture


def test_joints_have_the_layouts_order_and_pixels(model):
    keypoint, score = MediaPipeEstimator(model=model).estimate([frame(h) for h in (0, 1, 2, 3)])
    layout = source_layout("mediapipe_holistic")
    assert keypoint.shape == (4, layout.num_joints, 2)
    left, right = list(layout.left_hand), list(layout.right_hand)
    assert (score[:, left] == 1).all(1).tolist() == [False, True, False, True]
    assert (score[:, right] == 1).all(1).tolist() == [False, False, True, True]
    np.testing.assert_allclose(keypoint[1, left[0]], [10, 10])  # 0.1 of 100, 0.2 of 50
    np.testing.assert_allclose(keypoint[2, right[0]], [80, 20])
    assert (score[:, layout.body[0]] == 0.25).all()
    np.testing.assert_allclose(keypoint[0, 32], [50, 16])


def test_images_without_a_person_have_score_0(model):
    _, score = MediaPipeEstimator(model=model).estimate([frame(0), frame(0, body=0)])
    assert score.any(1).tolist() == [True, False]


def test_each_clip_has_a_new_landmarker(model):
    estimator = MediaPipeEstimator(model=model, min_pose_detection_confidence=0.3)
    for _ in range(2):
        estimator.estimate([frame(3)] * 3)
    assert [made.closed for made in Landmarker.made] == [True, True, False]
    assert [len(made.times) for made in Landmarker.made] == [
        0,
        3,
        3,
    ]  # the first one checks the model
    assert Landmarker.made[0].options == dict(
        base_options=dict(model_asset_path=model),
        running_mode="VIDEO",
        min_pose_detection_confidence=0.3,
    )


def test_missing_requirements_are_named(monkeypatch, tmp_path, model):
    for path in (None, str(tmp_path / "gone.task")):
        with pytest.raises(EstimatorError, match=r"needs its model.* --estimator-options model="):
            MediaPipeEstimator(model=path)
    with pytest.raises(EstimatorError, match="runs on the CPU here"):
        MediaPipeEstimator(device="cuda:0", model=model)
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(EstimatorError, match="needs mediapipe, which is not installed: pip"):
        MediaPipeEstimator(model=model)
