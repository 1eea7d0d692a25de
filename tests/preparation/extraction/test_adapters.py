"""The adapters, with stand-ins for the documented interfaces of RTMLib, MMPose and MediaPipe."""

import sys
import types

import numpy as np
import pytest

from masa_mm.pose.skeleton import source_layout
from masa_mm.preparation.extraction import (
    MediaPipeEstimator,
    MMPoseEstimator,
    RTMLibEstimator,
)
from masa_mm.preparation.extraction.estimators import EstimatorError


class Wholebody:
    """As rtmlib 0.0.16: BGR images; returns (keypoints [N, 133, 2], scores [N, 133])."""

    def __init__(self, det=None, pose=None, mode="balanced", to_openpose=False,
                 backend="onnxruntime", device="cpu"):  # fmt: skip
        self.arguments = dict(mode=mode, to_openpose=to_openpose, backend=backend, device=device)
        self.networks = (det, pose)

    def __call__(self, image):
        assert image.dtype == np.uint8 and image.shape[2] == 3
        x, y = np.argwhere(image[..., 2] == 255)[0][::-1]  # the red dot
        return np.full((2, 133, 2), (x, y), np.float64) + [[[0]], [[1]]], np.full((2, 133), 0.7)


class MMPoseInferencer:
    """As MMPose 1.3: yields dicts whose 'predictions' hold a list of persons for each image."""

    def __init__(self, pose2d=None, device=None, **kwargs):
        self.arguments = dict(pose2d=pose2d, device=device, **kwargs)

    def __call__(self, inputs, return_vis=False):
        assert not return_vis
        people = int(inputs[0, 0, 0])
        person = dict(
            keypoints=[[float(i), 2.0 * i] for i in range(133)],
            keypoint_scores=[0.5] * 133,
            bbox=([0, 0, 9, 9],),
            bbox_score=0.9,
        )
        yield dict(visualization=None, predictions=[[person] * people])


@pytest.fixture(autouse=True)
def packages(monkeypatch):
    monkeypatch.setitem(sys.modules, "rtmlib", types.SimpleNamespace(Wholebody=Wholebody))
    monkeypatch.setitem(sys.modules, "onnxruntime", types.ModuleType("onnxruntime"))
    apis = types.SimpleNamespace(MMPoseInferencer=MMPoseInferencer)
    monkeypatch.setitem(sys.modules, "mmpose", types.ModuleType("mmpose"))
    monkeypatch.setitem(sys.modules, "mmpose.apis", apis)


def test_rtmlib_persons():
    frame = np.zeros((20, 30, 3), np.uint8)
    frame[5, 7] = (0, 0, 255)
    found = RTMLibEstimator().persons(frame)
    assert found.keypoint.shape == (2, 133, 2) and found.score.shape == (2, 133)
    assert found.keypoint[0, 0].tolist() == [7, 5]
    keypoint, score = RTMLibEstimator().estimate([frame] * 3)
    assert keypoint.shape == (3, 133, 2) and score.dtype == np.float32


def test_rtmlib_options():
    estimator = RTMLibEstimator(device="cuda:1", mode="lightweight", pose="my.onnx")
    assert estimator._model.networks == (None, "my.onnx")
    assert estimator._model.arguments == dict(
        mode="lightweight", to_openpose=False, backend="onnxruntime", device="cuda:1"
    )


@pytest.mark.parametrize("people", [0, 1, 3])
def test_mmpose_persons(people):
    frame = np.full((4, 4, 3), people, np.uint8)
    found = MMPoseEstimator().persons(frame)
    assert found.keypoint.shape == (people, 133, 2) and found.score.shape == (people, 133)
    if people:
        np.testing.assert_array_equal(found.keypoint[-1, 132], [132, 264])


def test_mmpose_frames_without_persons_have_score_0():
    frames = [np.full((4, 4, 3), people, np.uint8) for people in (1, 0, 1)]
    _, score = MMPoseEstimator().estimate(frames)
    assert (score > 0).all(1).tolist() == [True, False, True]


def test_mmpose_options():
    estimator = MMPoseEstimator(device="cuda:0", pose2d="rtmw-l", det_model="whole_image")
    assert estimator._inferencer.arguments == dict(
        pose2d="rtmw-l", device="cuda:0", det_model="whole_image"
    )


@pytest.mark.parametrize(
    ("kind", "missing"),
    [(RTMLibEstimator, "rtmlib"), (RTMLibEstimator, "onnxruntime"), (MMPoseEstimator, "mmpose")],
)
def test_a_missing_package_is_named_with_its_command(monkeypatch, kind, missing):
    monkeypatch.delitem(sys.modules, "mmpose.apis")
    monkeypatch.setitem(sys.modules, missing, None)  # import raises ModuleNotFoundError
    with pytest.raises(EstimatorError, match=f"needs {missing}, .* not installed: pip install"):
        kind()


# ---- MediaPipe --------------------------------------------------------------------------------


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
def mediapipe(monkeypatch):
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
