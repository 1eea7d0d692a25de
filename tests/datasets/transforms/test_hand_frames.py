"""Exactly the frames that show a hand stay, in order and with their numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.datasets.transforms import KeepHandFrames, SampleSignFrames


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(1, 30),
    blank=st.sets(st.integers(0, 29), max_size=20),
    min_joints=st.sampled_from([1, 18, 19, 21]),
    missing=st.sets(st.sampled_from(["right_hand", "left_hand"]), max_size=2),
    seed=st.integers(0, 99),
)
def test_frames_that_show_a_hand_stay(make_clip, frames, blank, min_joints, missing, seed):
    clip = make_clip(frames, seed, missing, [t for t in blank if t < frames])
    score = clip["keypoint_score"][0]
    expected = [
        t
        for t in range(frames)
        if max(sum(score[t, :21] > 0), sum(score[t, 21:42] > 0)) >= min_joints
    ]
    if not expected:
        expected = list(range(frames))
    result = KeepHandFrames(min_joints)(dict(clip))
    assert result["total_frames"] == len(expected)
    for key in ("keypoint", "keypoint_score"):
        np.testing.assert_array_equal(result[key], clip[key][:, expected])
    sampled = SampleSignFrames(frames, mode="uniform", short="keep")(result)
    assert sampled["frame_inds"].tolist() == expected, "the original frame numbers"


def test_several_samples_a_clip_are_refused(make_clip):
    with pytest.raises(ValueError, match="'clip_0' was sampled with num_clips=2"):
        KeepHandFrames()(SampleSignFrames(8, num_clips=2)(make_clip()))
