"""The estimator MediaPipe, with stand-ins for its two interfaces."""

import sys
import types

import cv2
import numpy as np
import pytest
from matplotlib import get_data_path

from masa_mm.pose.skeleton import source_layout
from masa_mm.preparation.extraction import MediaPipeEstimator, mediapipe_estimator
from masa_mm.preparation.extraction.estimators import EstimatorError, build
from masa_mm.preparation.extraction.video import VideoError

from toys.mediapipe_stand_in import STAND_IN, has_environment, image, is_alive


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


@pytest.fixture
def tasks(monkeypatch):
    Landmarker.made = []
    vision = types.SimpleNamespace(
        HolisticLandmarker=Landmarker,
        HolisticLandmarkerOptions=lambda **kwargs: kwargs,
        RunningMode=types.SimpleNamespace(VIDEO="VIDEO"),
    )
    module = types.SimpleNamespace(
        tasks=types.SimpleNamespace(vision=vision, BaseOptions=lambda **kwargs: kwargs),
        ImageFormat=types.SimpleNamespace(SRGB="SRGB"),
        Image=lambda image_format, data: types.SimpleNamespace(format=image_format, data=data),
    )
    monkeypatch.setitem(sys.modules, "mediapipe", module)


@pytest.fixture
def model(tasks, tmp_path):
    path = tmp_path / "holistic_landmarker.task"
    path.write_bytes(b"model")
    return str(path)


def frame(hands, body=1):
    """A BGR image; the stand-ins read the hands from red and the body from green."""
    return image(hands, body)[..., ::-1]


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
    estimator.close()
    assert Landmarker.made[-1].closed
    # The first one checks the model.
    assert [len(made.times) for made in Landmarker.made] == [0, 3, 3]
    assert Landmarker.made[0].options == dict(
        base_options=dict(model_asset_path=model),
        running_mode="VIDEO",
        min_pose_detection_confidence=0.3,
    )


def test_missing_requirements_are_named(monkeypatch, tmp_path, model):
    with pytest.raises(EstimatorError, match=r"gone.task does not exist: .* leave 'model=' out"):
        MediaPipeEstimator(model=str(tmp_path / "gone.task"))
    with pytest.raises(EstimatorError, match="runs on the CPU here"):
        MediaPipeEstimator(device="cuda:0", model=model)
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(EstimatorError, match="needs mediapipe, which is not installed: pip"):
        MediaPipeEstimator(model=model)


# ---- without a model file: a process of its own ------------------------------------------------


@pytest.fixture
def holistic(monkeypatch):
    """A function that builds the estimator with the stand-in of the older Holistic."""
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))
    monkeypatch.setattr(mediapipe_estimator, "python_with_holistic", lambda: [sys.executable])
    made = []

    def build_one(**options):
        made.append(build("mediapipe", "cpu", options))
        return made[-1]

    yield build_one
    for estimator in made:
        estimator.close()


def test_holistic_gives_the_same_joints_and_pixels(holistic):
    keypoint, score = holistic().estimate([frame(h) for h in (0, 1, 2, 3)])
    layout = source_layout("mediapipe_holistic")
    assert keypoint.shape == (4, layout.num_joints, 2)
    left, right = list(layout.left_hand), list(layout.right_hand)
    assert (score[:, left] == 1).all(1).tolist() == [False, True, False, True]
    assert (score[:, right] == 1).all(1).tolist() == [False, False, True, True]
    np.testing.assert_allclose(keypoint[1, left[0]], [10, 10])  # 0.1 of 100, 0.2 of 50
    np.testing.assert_allclose(keypoint[2, right[0]], [80, 20])
    assert (score[:, layout.body[0]] == 0.25).all()
    np.testing.assert_allclose(keypoint[:, 0], [[i, 25] for i in (1, 2, 3, 4)])  # it tracks


def test_each_clip_and_each_interrupted_clip_is_forgotten(holistic):
    estimator = holistic()

    def interrupted():
        yield frame(3)
        raise VideoError("ends early")

    with pytest.raises(VideoError):
        estimator.estimate(interrupted())
    for _ in range(2):
        keypoint, _ = estimator.estimate([frame(3), frame(0, body=0), frame(3)])
        np.testing.assert_allclose(keypoint[:, 0, 0], (1, 0, 3))


def test_options_reach_holistic_and_wrong_ones_are_one_line(holistic):
    keypoint, _ = holistic(min_detection_confidence=0.8).estimate([frame(3)])
    np.testing.assert_allclose(keypoint[0, 0, 1], 40)
    with pytest.raises(EstimatorError, match="unexpected keyword argument 'min_pose_") as error:
        holistic(min_pose_detection_confidence=0.8)
    assert "\n" not in str(error.value)


def test_closing_ends_the_process(holistic):
    estimator = holistic()
    worker = estimator._holistic._process.pid
    estimator.close()
    assert not is_alive(worker)


# ---- the real one ------------------------------------------------------------------------------


@pytest.mark.skipif(not has_environment(), reason="MediaPipe's environment was not made here")
def test_the_real_holistic_finds_a_person_and_tells_left_from_right():
    """The portrait among matplotlib's sample data; the person faces the camera."""
    portrait = cv2.imread(f"{get_data_path()}/sample_data/grace_hopper.jpg")
    layout = source_layout("mediapipe_holistic")
    nose, left, _, _, right, _, _ = layout.body
    estimator = build("mediapipe", "cpu", {})
    try:
        keypoint, score = estimator.estimate([portrait] * 3)
        mirrored, _ = estimator.estimate([portrait[:, ::-1]] * 3)
        again, _ = estimator.estimate([portrait] * 3)
    finally:
        estimator.close()
    assert (score[:, [nose, left, right]] > 0.9).all()
    np.testing.assert_allclose(keypoint[:, nose], [[275, 215]] * 3, atol=15)  # below the glasses
    for poses in (keypoint, mirrored):  # their left is at the right of both pictures
        assert (poses[:, left, 0] - poses[:, right, 0] > 200).all()
    np.testing.assert_array_equal(again, keypoint)  # the clip between is forgotten
