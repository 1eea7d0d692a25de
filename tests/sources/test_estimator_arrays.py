"""Arrays of estimators: scores in any of their places, one or several persons, varying or not."""

import numpy as np
import pytest

from masa_mm.sources import ClipError
from masa_mm.sources.estimator_arrays import as_numbers, estimator_clip, image_shape

LAYOUT = "openpose_body25_hands"
RNG = np.random.default_rng(0)
KEYPOINT = RNG.uniform(0, 300, (4, 67, 2)).astype(np.float32)
SCORE = RNG.uniform(0.5, 1, (4, 67)).astype(np.float32)
SMALL = KEYPOINT * 0.1

FORMS = dict(
    array=np.concatenate([KEYPOINT, SCORE[..., None]], axis=-1),
    mapping=dict(keypoints=KEYPOINT, scores=SCORE),
    mmaction_keys=dict(keypoint=KEYPOINT, keypoint_score=SCORE),
    persons=dict(keypoints=np.stack([SMALL, KEYPOINT], 1), scores=np.stack([SCORE, SCORE], 1)),
    pairs=[(k[None], s[None]) for k, s in zip(KEYPOINT, SCORE)],
    varying=[
        dict(keypoints=[small, k] if t % 2 else [k], scores=[s, s] if t % 2 else [s])
        for t, (small, k, s) in enumerate(zip(SMALL, KEYPOINT, SCORE))
    ],
    lists=dict(keypoints=list(KEYPOINT), scores=list(SCORE)),
    lists_of_persons=dict(
        keypoints=[
            np.stack([small, k] if t % 2 else [k])
            for t, (small, k) in enumerate(zip(SMALL, KEYPOINT))
        ],
        keypoint_scores=[np.stack([s, s] if t % 2 else [s]) for t, s in enumerate(SCORE)],
    ),
    one_list=dict(keypoints=list(np.concatenate([KEYPOINT, SCORE[..., None]], axis=-1))),
    part=dict(
        keypoints=np.concatenate([SMALL, KEYPOINT, SMALL]),
        scores=np.concatenate([SCORE] * 3),
        start=4,
        end=8,
    ),
    single_persons=[dict(keypoints=k, scores=s) for k, s in zip(KEYPOINT, SCORE)],
)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_clip(form):
    clip = estimator_clip(FORMS[form], LAYOUT)
    np.testing.assert_array_equal(clip.keypoint, KEYPOINT)
    np.testing.assert_array_equal(clip.score, SCORE)
    assert clip.img_shape is None and not clip.normalized


@pytest.mark.parametrize("units", [None, "normalized"])
def test_normalised_coordinates_stay_as_they_are(units):
    clip = estimator_clip(dict(keypoints=KEYPOINT / 300, scores=SCORE), LAYOUT, units)
    np.testing.assert_array_equal(clip.keypoint, KEYPOINT / 300)
    assert clip.normalized


@pytest.mark.parametrize("scale", [1, 1 / 300])
def test_joints_that_are_not_visible_do_not_tell_the_units(scale):
    keypoint, score = KEYPOINT * np.float32(scale), SCORE.copy()
    score[:, 10:] = 0
    keypoint[:, 10:] = 1e4 if scale < 1 else 0
    assert estimator_clip(dict(keypoints=keypoint, scores=score), LAYOUT).normalized == (scale < 1)


@pytest.mark.parametrize(
    ("scale", "units", "problem"),
    [
        (1 / 300, "pixels", "its coordinates are normalized, not pixels.*give --units normalized"),
        (1, "normalized", "its coordinates are pixels, not normalized.*give --units pixels"),
        (1 / 40, None, "neither pixels nor normalized; give --units"),
    ],
)
def test_units_must_fit_the_coordinates(scale, units, problem):
    with pytest.raises(ClipError, match=problem):
        estimator_clip(dict(keypoints=KEYPOINT * np.float32(scale), scores=SCORE), LAYOUT, units)


@pytest.mark.parametrize("units", ["pixels", "normalized"])
def test_units_decide_where_coordinates_are_unclear(units):
    content = dict(keypoints=KEYPOINT / 40, scores=SCORE)
    assert estimator_clip(content, LAYOUT, units).normalized == (units == "normalized")


def test_the_image_size_may_be_in_the_frames():
    frames = [frame | dict(img_shape=(480, 640, 3)) for frame in FORMS["varying"]]
    assert estimator_clip(frames, LAYOUT).img_shape == (480, 640)


def test_scores_below_0_are_absent_joints():
    clip = estimator_clip(dict(keypoints=KEYPOINT, scores=SCORE - 0.75), LAYOUT)
    np.testing.assert_array_equal(clip.score, np.maximum(SCORE - np.float32(0.75), 0))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (dict(points=1), "it has no keypoints; it has points"),
        (dict(keypoints=KEYPOINT), "it has no scores"),
        (KEYPOINT[..., :1], r"its keypoints are \[4, 67, 1\]"),
        (np.zeros((4, 2, 2, 67, 3)), r"its keypoints are \[4, 2, 2, 67, 3\]"),
        ([(KEYPOINT[None], SCORE[None])], r"its keypoints are \[1, 4, 67, 2\]"),
        ([(KEYPOINT[:0], SCORE[:0])], "nobody in any frame"),
        (dict(keypoints=KEYPOINT, scores=SCORE[:2]), r"are \[4, 67, 2\] and scores \[2, 67\]"),
    ],
)
def test_anything_else_is_a_clip_error(content, problem):
    with pytest.raises(ClipError, match=problem):
        estimator_clip(content, LAYOUT)


def test_numbers_and_sizes():
    assert as_numbers([[1, 2], [3, 4]], "x").dtype == np.float32
    for value in ([[1], [2, 3]], "text", None, [{}]):
        with pytest.raises(ClipError, match="its x are not an array of numbers"):
            as_numbers(value, "x")
    assert image_shape(np.array([480, 640])) == (480, 640) and image_shape(None) is None
    for value in ((0, 4), [5], (4, -1)):
        with pytest.raises(ClipError, match="its img_shape is"):
            image_shape(value)
