"""The adapters, with stand-ins for the documented interfaces of RTMLib and MMPose."""

import sys
import types

import numpy as np
import pytest

from masa_mm.preparation.extraction import MMPoseEstimator, RTMLibEstimator
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
