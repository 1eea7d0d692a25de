"""The interface of estimators: choice of the signer, checks, building, missing packages."""

import subprocess
import sys

import numpy as np
import pytest

from masa_mm.pose.skeleton import SOURCE_LAYOUTS
from masa_mm.preparation.extraction.estimators import (
    ESTIMATORS,
    EstimatorError,
    Persons,
    PoseEstimator,
    build,
    nobody,
    require,
)
from masa_mm.sources import ClipError

from toys.paths import ROOT


class Listed(PoseEstimator):
    """Returns given persons, frame by frame."""

    layout = "coco_wholebody"

    def __init__(self, found):
        self.found, self.begun = found, 0

    def begin_clip(self):
        self.begun += 1

    def persons(self, frame):
        return self.found[frame]


def person(center, size, score=0.8):
    spread = np.random.default_rng(0).uniform(-size, size, (133, 2))
    return np.asarray(center) + spread, np.full(133, score)


def persons(*people):
    return Persons(*(np.array(part) for part in zip(*people)))


def test_the_signer_is_followed_and_has_score_0_in_empty_frames():
    signer, other = person((50, 50), 20), person((150, 50), 8)
    found = [persons(other, signer), nobody("coco_wholebody"), persons(signer, other)]
    estimator = Listed(found)
    keypoint, score = estimator.estimate(range(3))
    assert keypoint.shape == (3, 133, 2) and score.shape == (3, 133)
    np.testing.assert_allclose(keypoint[[0, 2]], np.stack([signer[0]] * 2), rtol=1e-6)
    assert (score[1] == 0).all() and (keypoint[1] == 0).all()
    estimator.estimate(range(1))
    assert estimator.begun == 2


def test_a_clip_without_persons_is_refused():
    with pytest.raises(ClipError, match="in any frame"):
        Listed([nobody("coco_wholebody")] * 2).estimate(range(2))


def test_scores_are_clipped_to_0_and_1():
    for given, kept in ((1.3, 1), (-0.2, 0)):
        _, score = Listed([persons(person((5, 5), 3, given))]).estimate(range(1))
        assert (score == kept).all()


def test_joints_of_another_layout_are_refused():
    other = Persons(np.zeros((1, 17, 2)), np.zeros((1, 17)))
    with pytest.raises(EstimatorError, match=r"gave keypoint \[1, 17, 2\].* has 133 joints"):
        Listed([other]).estimate(range(1))


def test_the_three_estimators_have_known_layouts():
    assert {"rtmlib", "mmpose", "mediapipe"} <= set(ESTIMATORS.module_dict)
    assert all(kind.layout in SOURCE_LAYOUTS for kind in ESTIMATORS.module_dict.values())


def test_a_missing_package_is_named_with_its_command():
    with pytest.raises(EstimatorError) as caught:
        require("no_such_package_at_all.apis", "mmpose", "mmpose mmdet")
    assert str(caught.value) == (
        "the estimator 'mmpose' needs no_such_package_at_all, which is not installed: "
        "pip install mmpose mmdet"
    )


@pytest.mark.parametrize(
    "device, options, problem",
    [
        ("cpu", dict(colour="red"), r"TypeError: .*unexpected keyword"),
        ("tpu", {}, "RuntimeError: no tpu"),
    ],
)
def test_an_estimator_that_does_not_start_is_named(monkeypatch, device, options, problem):
    monkeypatch.setitem(ESTIMATORS.module_dict, "strict", Strict)
    with pytest.raises(EstimatorError, match=problem) as caught:
        build("strict", device, options)
    assert str(caught.value).startswith("the estimator 'strict' does not start (")
    assert len(str(caught.value).splitlines()) == 1


class Strict(Listed):
    def __init__(self, device):
        if device != "cpu":
            raise RuntimeError(f"no {device}\nhere")
        super().__init__([])


def test_importing_estimators_imports_none_of_their_packages():
    code = (
        "import sys, masa_mm.preparation.extraction; "
        # Not onnxruntime, which torch 2.4 imports itself where it is installed.
        "assert not {'rtmlib', 'mmpose', 'mediapipe'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
