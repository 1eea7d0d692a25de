"""Which frames are sampled, against plain index arithmetic."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.datasets.transforms import (
    AlignmentViews,
    KeepHandFrames,
    MotionAwareMasking,
    MotionResidual,
    RandomFrameView,
    SampleSignFrames,
)


def numbered(frames, visible=None):
    """A clip whose every coordinate tells its frame's number (from 1)."""
    score = np.ones((1, frames, 49), np.float32)
    if visible is not None:
        score *= np.asarray(visible, np.float32)[None, :, None]
    numbers = np.arange(1, frames + 1, dtype=np.float32)[None, :, None, None]
    keypoint = np.broadcast_to(numbers, (1, frames, 49, 2))
    return dict(keypoint=keypoint, keypoint_score=score, total_frames=frames, frame_dir="numbered")


def taken(clip):
    """Frame numbers by the clip's content, -1 where it is all zero."""
    numbers = clip["keypoint"][0, :, 0, 0].astype(int) - 1
    np.testing.assert_array_equal(
        clip["keypoint"][0], clip["keypoint"][0, :, :1, :1].repeat(49, 1).repeat(2, 2)
    )
    return numbers


@settings(max_examples=200, deadline=None)
@given(
    frames=st.integers(1, 70),
    clip_len=st.integers(1, 40),
    mode=st.sampled_from(["random", "center", "uniform"]),
    num_clips=st.integers(1, 4),
    short=st.sampled_from(["pad", "keep"]),
    interval=st.integers(1, 4),
    jitter=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_any_length_any_mode(frames, clip_len, mode, num_clips, short, interval, jitter, seed):
    interval = 1 if mode == "uniform" else interval
    np.random.seed(seed)
    clip = SampleSignFrames(clip_len, mode, num_clips, short, interval, jitter)(numbered(frames))
    inds = clip["frame_inds"]

    # content, numbers and shape agree
    assert inds.dtype == np.int64
    np.testing.assert_array_equal(taken(clip), inds)
    np.testing.assert_array_equal(clip["keypoint_score"][0, :, 0], inds >= 0)
    assert clip["num_clips"] == num_clips
    assert clip["clip_len"] * num_clips == len(inds) == clip["keypoint"].shape[1]

    fit = min(clip_len, len(range(0, frames, interval)))
    assert clip["clip_len"] == (clip_len if short == "pad" else fit)
    for view in inds.reshape(num_clips, -1):
        real = view[:fit]
        assert (view[fit:] == -1).all(), "padding comes last and only when the clip is short"
        assert real[0] >= 0 and real[-1] < frames
        if mode == "uniform":
            for i, ind in enumerate(real):
                assert i * frames // fit <= ind < (i + 1) * frames // fit
        else:
            assert (np.diff(real) == interval).all()


def test_crops_are_drawn_evenly():
    sampler = SampleSignFrames(8)
    starts = [sampler(numbered(10))["frame_inds"][0] for _ in range(1500)]
    np.testing.assert_allclose(np.bincount(starts, minlength=3) / 1500, 1 / 3, atol=0.05)


@pytest.mark.parametrize(("frames", "first"), [(32, 0), (33, 0), (34, 1), (64, 16)])
def test_center_crop(frames, first):
    clip = SampleSignFrames(32, mode="center")(numbered(frames))
    assert clip["frame_inds"].tolist() == list(range(first, first + 32))


@pytest.mark.parametrize("frames", [32, 50, 64, 90])
def test_views_cover_the_clip_from_first_to_last_frame(frames):
    clip = SampleSignFrames(32, mode="center", num_clips=3)(numbered(frames))
    assert set(clip["frame_inds"]) == set(range(frames))
    views = clip["frame_inds"].reshape(3, 32)
    assert views[0, 0] == 0 and views[2, -1] == frames - 1
    assert abs((views[1, 0] - views[0, 0]) - (views[2, 0] - views[1, 0])) <= 1


def test_uniform_without_jitter_takes_the_central_frames():
    clip = SampleSignFrames(4, mode="uniform", jitter=False)(numbered(12))
    assert clip["frame_inds"].tolist() == [1, 4, 7, 10]


def test_uniform_views_take_different_frames_of_the_segments():
    clip = SampleSignFrames(4, mode="uniform", num_clips=3, jitter=False)(numbered(12))
    assert clip["frame_inds"].reshape(3, 4).tolist() == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]


def test_short_clip_in_uniform_mode_keeps_every_frame_then_pads():
    clip = SampleSignFrames(6, mode="uniform")(numbered(4))
    assert clip["frame_inds"].tolist() == [0, 1, 2, 3, -1, -1]


@settings(max_examples=150, deadline=None)
@given(
    visible=st.lists(st.booleans(), min_size=1, max_size=40).filter(any),
    clip_len=st.integers(1, 12),
    mode=st.sampled_from(["random", "center", "uniform"]),
    num_clips=st.integers(1, 3),
    interval=st.integers(1, 2),
    jitter=st.booleans(),
)
def test_a_sample_shows_a_joint_wherever_the_clip_can(
    visible, clip_len, mode, num_clips, interval, jitter
):
    interval = 1 if mode == "uniform" else interval
    clip = SampleSignFrames(clip_len, mode, num_clips, "pad", interval, jitter)(
        numbered(len(visible), visible)
    )
    score = clip["keypoint_score"][0].reshape(num_clips, -1, 49)
    fit = min(clip_len, len(range(0, len(visible), interval)))
    crops = [
        range(start, len(visible), interval)[:fit]
        for start in range(len(visible))
        if start + (fit - 1) * interval < len(visible)
    ]
    if mode == "uniform" or any(visible[t] for crop in crops for t in crop):
        assert score.any(axis=(1, 2)).all()
    if mode == "uniform":  # still one frame a segment
        assert (np.diff(clip["frame_inds"].reshape(num_clips, -1)[:, : len(visible)]) > 0).all()


def test_central_crop_moves_no_farther_than_it_must():
    visible = np.zeros(40, bool)
    visible[30] = True
    clip = SampleSignFrames(8, mode="center")(numbered(40, visible))
    assert clip["frame_inds"].tolist() == list(range(23, 31))


def test_sampling_twice_keeps_the_original_frame_numbers():
    clip = SampleSignFrames(20, mode="center")(numbered(40))
    clip = SampleSignFrames(4, mode="center")(clip)
    assert clip["frame_inds"].tolist() == [18, 19, 20, 21]


def test_motion_taken_before_is_sampled_along(make_clip):
    from masa_mm.datasets.transforms import MotionResidual

    whole = MotionResidual()(make_clip())
    motion, weight = whole["motion"], whole["motion_weight"]
    crop = SampleSignFrames(16, mode="center")(dict(whole))
    np.testing.assert_array_equal(crop["motion"], motion[:, 12:28])
    np.testing.assert_array_equal(crop["motion_weight"], weight[:, 12:28])


def test_mmaction2s_own_formatting_and_packing_follow(make_clip):
    from mmaction.datasets.transforms import FormatGCNInput, PackActionInputs

    clip = SampleSignFrames(64, num_clips=2)(make_clip())
    packed = PackActionInputs()(FormatGCNInput(num_person=1)(clip))
    assert tuple(packed["inputs"].shape) == (2, 1, 64, 49, 3)
    assert (packed["inputs"][:, :, 40:] == 0).all()
    assert packed["data_samples"].gt_label.tolist() == [3]


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


# ---- the key view: a sorted random half of the frames that show something ------------------


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


def test_key_views_of_several_samples_are_refused(make_clip):
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
