"""The positive view: a sorted random half of the frames that show something."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.datasets.transforms import (
    AlignmentViews,
    MotionAwareMasking,
    MotionResidual,
    RandomFrameView,
    SampleSignFrames,
)


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(1, 40),
    blank=st.sets(st.integers(0, 39), max_size=20),
    keep_ratio=st.floats(0, 1),
    pad=st.integers(0, 20),
    seed=st.integers(0, 99),
)
def test_keeps_the_promised_share_of_the_frames_with_joints(
    make_clip, frames, blank, keep_ratio, pad, seed
):
    clip = make_clip(frames, seed, blank=[t for t in blank if t < frames])
    seen = [t for t in range(frames) if clip["keypoint_score"][0, t].any()]
    view = SampleSignFrames(frames + pad)(dict(clip))
    view = RandomFrameView(keep_ratio)(view)
    inds = view["frame_inds"].tolist()
    if seen:
        assert len(inds) == max(1, math.ceil(keep_ratio * len(seen)))
        assert inds == sorted(set(inds)) and set(inds) <= set(seen)
        np.testing.assert_array_equal(view["keypoint"], clip["keypoint"][:, inds])
        np.testing.assert_array_equal(view["keypoint_score"], clip["keypoint_score"][:, inds])
    else:
        assert len(inds) == 1
    assert view["clip_len"] == len(inds)


def test_every_frame_is_drawn_alike(make_clip):
    drawn = np.zeros(10)
    for _ in range(1000):
        drawn[RandomFrameView(0.5)(make_clip(10))["frame_inds"]] += 1
    np.testing.assert_allclose(drawn / 1000, 0.5, atol=0.07)


def test_several_samples_a_clip_are_refused(make_clip):
    clip = SampleSignFrames(8, num_clips=2)(make_clip())
    with pytest.raises(ValueError, match="'clip_0' was sampled with num_clips=2"):
        RandomFrameView()(clip)


def test_views_are_independent_copies(make_clip):
    clip = MotionAwareMasking()(MotionResidual()(SampleSignFrames(32)(make_clip())))
    before = {key: clip[key].copy() for key in ("keypoint", "keypoint_score", "frame_inds")}

    def spoil(results):
        # a transform of someone else's that writes in place
        for key in before:
            results[key] *= 0
        return results

    result = AlignmentViews([spoil])(clip)
    for key in before:
        np.testing.assert_array_equal(result[key], before[key])
        assert not result["key_view"][key].any()
    assert result["key_view"]["frame_dir"] == "clip_0"


def test_the_decoders_targets_stay_with_the_query(make_clip):
    clip = MotionAwareMasking()(MotionResidual()(make_clip()))
    view = AlignmentViews([dict(type="SwapHands", prob=1.0)])(clip)["key_view"]
    assert not {"motion", "motion_weight", "frame_mask", "key_view"} & view.keys()


def test_a_key_transform_that_gives_nothing_back_is_named(make_clip):
    with pytest.raises(ValueError, match="'clip_0': a transform of the key view returned None"):
        AlignmentViews([lambda results: None])(make_clip())
