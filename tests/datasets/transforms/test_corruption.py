"""Flaws hit what is present, at the promised rate, and never everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.datasets.transforms import DropFrames, DropJoints, JointNoise


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
