"""Simulated errors hit present joints at the given rate; interpolation equals a loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.datasets.transforms import (
    DropFrames,
    DropJoints,
    InterpolateJoints,
    JointNoise,
    KeepHandFrames,
    MotionAwareMasking,
    MotionResidual,
    SampleSignFrames,
)
from masa_mm.errors import UserError


def test_noise_has_the_promised_size_in_pixels(make_clip):
    clip = make_clip(frames=60)
    noise = (JointNoise(std=3.0)(dict(clip))["keypoint"] - clip["keypoint"]) * 256
    present = clip["keypoint_score"] > 0
    assert abs(noise[present].std() - 3) < 0.1 and abs(noise[present].mean()) < 0.1
    assert not noise[~present].any()


def test_noise_in_pixels(make_clip):
    clip = make_clip(frames=60)
    clip["keypoint"] = clip["keypoint"] * np.float32(256)
    noisy = JointNoise(std=3.0, pixel_scale=1)(dict(clip))["keypoint"]
    assert abs((noisy - clip["keypoint"])[clip["keypoint_score"] > 0].std() - 3) < 0.1


@pytest.mark.parametrize(
    ("unit", "scale", "words"),
    [(256, 256, "more than any video has. If the joints are in pixels"), (1, 1, "too few for std")],
)
def test_noise_in_another_unit_is_refused(make_clip, unit, scale, words):
    clip = make_clip(frames=60)
    clip.pop("normalization", None)
    clip["keypoint"] = clip["keypoint"] * np.float32(unit)
    with pytest.raises(UserError, match=words):
        JointNoise(std=3.0, pixel_scale=scale)(dict(clip))
    clip["keypoint_score"] = clip["keypoint_score"] * 0  # nothing is known of its unit
    JointNoise(std=3.0, pixel_scale=scale)(dict(clip))


def test_noise_with_probability_zero(make_clip):
    clip = make_clip()
    assert JointNoise(3.0, prob=0.0)(dict(clip))["keypoint"] is clip["keypoint"]


@settings(max_examples=40, deadline=None)
@given(
    drop=st.sampled_from([DropJoints, DropFrames]),
    prob=st.sampled_from([0.0, 0.5, 0.99, 1.0]),
    frames=st.integers(1, 10),
    missing=st.sets(st.sampled_from(["right_hand", "left_hand"])),
    seed=st.integers(0, 99),
)
def test_something_always_stays(make_clip, drop, prob, frames, missing, seed):
    clip = make_clip(frames, seed, missing)
    result = drop(prob)(dict(clip))
    score = result["keypoint_score"]
    assert score.any() == clip["keypoint_score"].any()
    kept = score > 0
    np.testing.assert_array_equal(score[kept], clip["keypoint_score"][kept])
    np.testing.assert_array_equal(result["keypoint"][kept], clip["keypoint"][kept])
    assert not result["keypoint"][~kept].any()
    if drop is DropFrames:  # all of a frame or nothing
        whole = kept.sum(-1)
        assert ((whole == 0) | (whole == (clip["keypoint_score"] > 0).sum(-1))).all()
    if prob == 0:
        np.testing.assert_array_equal(score, clip["keypoint_score"])
    if prob == 1:
        entries = kept if drop is DropJoints else kept.any(-1)
        assert entries.sum() == (1 if clip["keypoint_score"].any() else 0)


@pytest.mark.parametrize("drop", [DropJoints, DropFrames])
def test_rate(make_clip, drop):
    clip = make_clip(frames=2000)
    before, after = (
        (results["keypoint_score"] > 0).sum() for results in (clip, drop(0.3)(dict(clip)))
    )
    assert abs(after / before - 0.7) < 0.04


def test_several_persons_share_a_lost_frame(make_clip):
    clip = make_clip(frames=50, persons=2)
    score = DropFrames(0.5)(clip)["keypoint_score"]
    lost = ~score.any(-1)
    np.testing.assert_array_equal(lost[0], lost[1])
    assert lost.any()


@pytest.mark.parametrize("drop", [DropJoints, DropFrames])
def test_the_only_joint_there_is_never_goes(make_clip, drop):
    clip = make_clip(frames=4)
    score = np.zeros_like(clip["keypoint_score"])
    score[0, 2, 30] = 0.7
    clip["keypoint_score"] = score
    for _ in range(30):
        np.testing.assert_array_equal(drop(0.5)(dict(clip))["keypoint_score"], score)


def interpolate_by_loops(keypoint, score, number, max_distance, filled_score):
    keypoint, out_score = keypoint.astype(np.float64), score.copy()
    persons, frames, joints = score.shape
    source = keypoint.copy()
    for m in range(persons):
        for v in range(joints):
            seen = [t for t in range(frames) if score[m, t, v] > 0]
            for t in set(range(frames)) - set(seen):
                near = [s for s in seen if abs(int(number[s]) - int(number[t])) <= max_distance]
                if near:
                    times = [int(number[s]) for s in seen]
                    for c in range(2):
                        places = [source[m, s, v, c] for s in seen]
                        keypoint[m, t, v, c] = np.interp(int(number[t]), times, places)
                    out_score[m, t, v] = filled_score
    return keypoint, out_score


@settings(max_examples=40, deadline=None)
@given(
    frames=st.integers(1, 20),
    blank=st.sets(st.integers(0, 19), max_size=15),
    missing=st.sets(st.sampled_from(["right_hand", "left_hand", "body"]), max_size=2),
    max_distance=st.integers(1, 8),
    persons=st.integers(1, 2),
    seed=st.integers(0, 99),
)
def test_gaps_are_filled_as_by_loops(
    make_clip, frames, blank, missing, max_distance, persons, seed
):
    blank = [t for t in blank if t < frames]
    clip = make_clip(frames, seed, missing, blank, persons=persons)
    number = np.random.default_rng(seed).choice(60, frames, replace=False)
    number.sort()
    clip["frame_inds"] = number
    expected, expected_score = interpolate_by_loops(
        clip["keypoint"], clip["keypoint_score"], number, max_distance, np.float32(0.2)
    )
    result = InterpolateJoints(max_distance, 0.2)(dict(clip))
    np.testing.assert_allclose(result["keypoint"], expected, atol=1e-6)
    np.testing.assert_array_equal(result["keypoint_score"], expected_score)
    assert result["keypoint"].dtype == np.float32


def test_filled_joints_neither_select_a_frame_nor_are_a_target(make_clip):
    clip = make_clip(20, blank=range(5, 12), step_px=30.0, low_scores=False)
    filled = MotionResidual()(InterpolateJoints()(dict(clip)))
    left_out = MotionResidual()(dict(clip))
    np.testing.assert_array_equal(filled["motion_weight"], left_out["motion_weight"])
    masked = [
        MotionAwareMasking(mask_ratio=1.0)(dict(made))["frame_mask"] for made in (filled, left_out)
    ]
    np.testing.assert_array_equal(*masked)


def test_a_clip_that_shows_all_is_left_as_it_is(make_clip):
    clip = make_clip(6, low_scores=False)
    clip["keypoint_score"] = np.ones_like(clip["keypoint_score"])
    result = InterpolateJoints()(dict(clip))
    assert result["keypoint"] is clip["keypoint"]


def test_distance_counts_the_frames_of_the_video(make_clip):
    """Frames without a hand that were dropped still lie between."""
    clip = make_clip(12, blank=range(3, 10), low_scores=False)
    kept = KeepHandFrames()(dict(clip))
    assert kept["frame_inds"].tolist() == [0, 1, 2, 10, 11]
    score = np.ones_like(kept["keypoint_score"])
    score[:, 2, :21] = 0
    kept["keypoint_score"] = score
    filled = InterpolateJoints(max_distance=1)(dict(kept))
    start, end = kept["keypoint"][0, 1, 4], kept["keypoint"][0, 3, 4]
    np.testing.assert_allclose(filled["keypoint"][0, 2, 4], start + (end - start) / 9, atol=1e-6)


@pytest.mark.parametrize(
    ("before", "message"),
    [
        (SampleSignFrames(8, num_clips=2), "was sampled with num_clips=2"),
        (MotionResidual(), "already has 'motion'"),
        (MotionAwareMasking(), "already has 'frame_mask'"),
    ],
)
def test_wrong_order_is_refused(make_clip, before, message):
    with pytest.raises(ValueError, match=message):
        InterpolateJoints()(before(make_clip()))


@pytest.mark.parametrize("argument", [dict(max_distance=0), dict(score=0), dict(score=1.5)])
def test_bad_arguments(argument):
    with pytest.raises(ValueError, match="InterpolateJoints: "):
        InterpolateJoints(**argument)
