"""The adapter of rtmlib, with a stand-in for its package at its documented boundary."""

import sys
import types

import numpy as np
import pytest

from masa_mm.preparation.extraction.estimators import EstimatorError, RTMLibEstimator


class Wholebody:
    """As rtmlib 0.0.16: images in blue, green, red; (keypoints [N, 133, 2], scores [N, 133])."""

    def __init__(self, det=None, pose=None, mode="balanced", to_openpose=False,
                 backend="onnxruntime", device="cpu"):  # fmt: skip
        self.arguments = dict(mode=mode, to_openpose=to_openpose, backend=backend, device=device)
        self.networks = (det, pose)

    def __call__(self, image):
        assert image.dtype == np.uint8 and image.shape[2] == 3
        x, y = np.argwhere(image[..., 2] == 255)[0][::-1]  # the red dot
        return np.full((2, 133, 2), (x, y), np.float64) + [[[0]], [[1]]], np.full((2, 133), 0.7)


@pytest.fixture(autouse=True)
def packages(monkeypatch):
    monkeypatch.setitem(sys.modules, "rtmlib", types.SimpleNamespace(Wholebody=Wholebody))
    monkeypatch.setitem(sys.modules, "onnxruntime", types.ModuleType("onnxruntime"))


def test_persons_are_those_of_rtmlib():
    frame = np.zeros((20, 30, 3), np.uint8)
    frame[5, 7] = (0, 0, 255)
    found = RTMLibEstimator().persons(frame)
    assert found.keypoint.shape == (2, 133, 2) and found.score.shape == (2, 133)
    assert found.keypoint[0, 0].tolist() == [7, 5]
    keypoint, score = RTMLibEstimator().estimate([frame] * 3)
    assert keypoint.shape == (3, 133, 2) and score.dtype == np.float32


def test_options_are_rtmlibs():
    estimator = RTMLibEstimator(device="cuda:1", mode="lightweight", pose="my.onnx")
    assert estimator._model.networks == (None, "my.onnx")
    assert estimator._model.arguments == dict(
        mode="lightweight", to_openpose=False, backend="onnxruntime", device="cuda:1"
    )


@pytest.mark.parametrize("gone", ["rtmlib", "onnxruntime"])
def test_it_says_what_to_install(monkeypatch, gone):
    monkeypatch.setitem(sys.modules, gone, None)  # as if not installed
    with pytest.raises(EstimatorError, match=f"needs {gone}, which is not installed: pip install"):
        RTMLibEstimator()
