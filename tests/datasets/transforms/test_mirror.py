"""SwapHands is the mirror image of the signer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.datasets.transforms import SwapHands
from masa_mm.pose.skeleton import SIGN49_JOINTS

swap = SwapHands(prob=1.0)


def other_side(name):
    if name.startswith("right"):
        return name.replace("right", "left", 1)
    return name.replace("left", "right", 1)


def test_each_joint_by_name(make_clip):
    clip = make_clip()
    result = swap(dict(clip))
    for v, name in enumerate(SIGN49_JOINTS):
        source = SIGN49_JOINTS.index(other_side(name))
        np.testing.assert_array_equal(
            result["keypoint_score"][0, :, v], clip["keypoint_score"][0, :, source]
        )
        for t in range(40):
            x, y = clip["keypoint"][0, t, source]
            if v >= 42 and clip["keypoint_score"][0, t, source] > 0:
                x = 1 - x
            assert tuple(result["keypoint"][0, t, v]) == (x, y), (name, t)


@settings(max_examples=30, deadline=None)
@given(
    frames=st.integers(1, 20),
    missing=st.sets(st.sampled_from(["right_hand", "left_hand", "body"])),
    seed=st.integers(0, 99),
)
def test_is_an_involution(make_clip, frames, missing, seed):
    clip = make_clip(frames, seed, missing)
    twice = swap(swap(dict(clip)))
    np.testing.assert_allclose(twice["keypoint"], clip["keypoint"], atol=1e-6)
    np.testing.assert_array_equal(twice["keypoint_score"], clip["keypoint_score"])


def test_absent_joints_stay_at_zero(make_clip):
    result = swap(make_clip())
    assert not result["keypoint"][result["keypoint_score"] == 0].any()


@pytest.mark.parametrize(("prob", "low", "high"), [(0.0, 0, 0), (0.5, 60, 140), (1.0, 200, 200)])
def test_probability(make_clip, prob, low, high):
    clip = make_clip(frames=2)
    changed = sum(
        SwapHands(prob)(dict(clip))["keypoint"] is not clip["keypoint"] for _ in range(200)
    )
    assert low <= changed <= high
