"""The adapter of MMPose, with a stand-in for its inferencer at its documented boundary."""

import sys
import types

import numpy as np
import pytest

from masa_mm.preparation.extraction.estimators import EstimatorError, MMPoseEstimator


class MMPoseInferencer:
    """As MMPose 1.3: a generator of dicts; 'predictions' has a list of persons for each image."""

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
    apis = types.SimpleNamespace(MMPoseInferencer=MMPoseInferencer)
    monkeypatch.setitem(sys.modules, "mmpose", types.ModuleType("mmpose"))
    monkeypatch.setitem(sys.modules, "mmpose.apis", apis)


@pytest.mark.parametrize("people", [0, 1, 3])
def test_persons_are_those_of_mmpose(people):
    frame = np.full((4, 4, 3), people, np.uint8)
    found = MMPoseEstimator().persons(frame)
    assert found.keypoint.shape == (people, 133, 2) and found.score.shape == (people, 133)
    if people:
        np.testing.assert_array_equal(found.keypoint[-1, 132], [132, 264])


def test_frames_without_persons_are_absent():
    frames = [np.full((4, 4, 3), people, np.uint8) for people in (1, 0, 1)]
    _, score = MMPoseEstimator().estimate(frames)
    assert (score > 0).all(1).tolist() == [True, False, True]


def test_options_are_the_inferencers():
    estimator = MMPoseEstimator(device="cuda:0", pose2d="rtmw-l", det_model="whole_image")
    assert estimator._inferencer.arguments == dict(
        pose2d="rtmw-l", device="cuda:0", det_model="whole_image"
    )


def test_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mmpose", None)
    monkeypatch.delitem(sys.modules, "mmpose.apis")
    with pytest.raises(EstimatorError, match="needs mmpose, which is not installed: pip install"):
        MMPoseEstimator()
