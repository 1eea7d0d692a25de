"""The reference preset's data against plain loops written from what is published of that code.

That is: 2.2 boxes clamped at the image's border, an elbow-wrist fallback with a margin of 50
pixels, left-hand values above 255 zeroed; the frames where either hand has a box; signed motion
above 3.0; parts masked separately at 0.9, confidence ignored, and at random at 0.5 in the key view.
All loops run frame by frame and joint by joint, in float64.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.registry import TRANSFORMS
from mmengine.config import Config
from mmengine.dataset import Compose

from masa_mm.datasets.collate import pad_clips
from masa_mm.datasets.transforms import (
    AlignmentViews,
    CropSignParts,
    MotionAwareMasking,
    MotionResidual,
    PackSignInputs,
    ReferenceCropSignParts,
    ReferenceMotionAwareMasking,
    ReferenceMotionResidual,
)

from toys.paths import ROOT

HANDS = dict(right=(range(21), 47, 48), left=(range(21, 42), 44, 45))
PARTS = (range(21), range(21, 42), range(42, 49))
WIDTH, HEIGHT = 320, 240
K, THR, EPS_C = 3, 3.0, 0.4


@pytest.fixture(scope="module")
def steps():
    config = Config.fromfile(ROOT / "configs/_base_/datasets/sign_pretrain_reference.py")
    return config.train_pipeline


@pytest.fixture(scope="module")
def pipeline(steps):
    return Compose([TRANSFORMS.build(step) for step in steps])


# ---- the description as loops --------------------------------------------------------------------


def bounded(center, side, axis):
    limit = (WIDTH, HEIGHT)[axis]
    return min(max(center - side / 2, 0), limit), max(min(center + side / 2, limit), 0)


def loop_box(points, scores, joints, elbow, wrist):
    """((x0, x1), (y0, y1)) of a hand's box in one frame, None for a hand that is absent."""
    seen = [j for j in joints if scores[j] >= 0.4]
    if len(seen) >= 10:
        spans = [(min(points[j][a] for j in seen), max(points[j][a] for j in seen)) for a in (0, 1)]
        side = 2.2 * max(high - low for low, high in spans)
        return [bounded(sum(span) / 2, side, axis) for axis, span in enumerate(spans)]
    if min(scores[elbow], scores[wrist]) < 0.4:
        return None
    arm = [points[wrist][axis] - points[elbow][axis] for axis in (0, 1)]
    # From the wrist to two thirds of a forearm beyond it, and 50 pixels on each side.
    side = max(abs(arm[0]), abs(arm[1])) * 2 / 3 + 2 * 50
    return [bounded(points[wrist][axis] + arm[axis] / 3, side, axis) for axis in (0, 1)]


def loop_crop(keypoint, score):
    """Crop pixels [T, 49, 2], scores [T, 49], and the frames in which a hand has a box."""
    pixels, kept_score, frames = np.zeros(keypoint.shape), np.zeros(score.shape), []
    for t in range(len(keypoint)):
        boxed = False
        for side, (joints, elbow, wrist) in HANDS.items():
            box = loop_box(keypoint[t], score[t], joints, elbow, wrist)
            if box is None:
                continue
            boxed = True
            for j in joints:
                kept_score[t, j] = score[t, j]
                for axis, (low, high) in enumerate(box):
                    value = (keypoint[t, j, axis] - low) / (high - low) * 256
                    if side == "left":
                        value = 256 - value if axis == 0 else value
                        value = 0 if value > 255 else value
                    pixels[t, j, axis] = value
        for j in range(42, 49):
            kept_score[t, j] = score[t, j]
            pixels[t, j] = keypoint[t, j] / [WIDTH, HEIGHT] * 256
        frames += [t] if boxed else []
    return pixels, kept_score, frames


def loop_motion(pixels, score):
    """Motion [T, 49, 2] and the weight of each of its coordinates."""
    motion, weight = np.zeros(pixels.shape), np.zeros(pixels.shape)
    for t in range(len(pixels) - K):
        for j in range(49):
            for axis in (0, 1):
                motion[t, j, axis] = pixels[t + K, j, axis] - pixels[t, j, axis]
                confident = min(score[t, j], score[t + K, j]) >= np.float32(EPS_C)
                if confident and motion[t, j, axis] > THR:
                    weight[t, j, axis] = score[t, j] * score[t + K, j]
    return motion, weight


def loop_candidates(motion, thr=THR):
    """Bool [T, 3]: part-frames of which a coordinate grows by more than the threshold."""
    found = np.zeros((len(motion), 3), bool)
    for t in range(len(motion)):
        for p, joints in enumerate(PARTS):
            found[t, p] = any(motion[t, j, axis] > thr for j in joints for axis in (0, 1))
    return found


# ---- clips in pixels -----------------------------------------------------------------------------


def signer(frames, seed, few=0.3, armless=0.3, step=1.5):
    """A wandering signer whose hands cross the border, with frames of few joints and no arm.

    Scores are above 0, as an estimator of whole bodies gives them: a joint is unsure, not missing.
    """
    rng = np.random.default_rng(seed)
    keypoint = np.zeros((frames, 49, 2))
    for joints, center, spread in (
        (slice(0, 21), (35, 150), 40),
        (slice(21, 42), (285, 140), 40),
        (slice(42, 49), (160, 120), 90),
    ):
        shape = rng.uniform(-spread, spread, (1, joints.stop - joints.start, 2))
        path = rng.normal(0, step, (frames, 1, 2)).cumsum(0) + np.array(center)
        keypoint[:, joints] = path + shape + rng.normal(0, 0.3, (frames, *shape.shape[1:]))
    score = rng.uniform(0.41, 1, (frames, 49))
    for start in (0, 21):
        # About as many joints as make a hand.
        unsure = rng.permuted(np.tile(np.arange(21), (frames, 1)), axis=1)
        unsure = unsure >= rng.integers(8, 12, (frames, 1))
        unsure &= rng.random((frames, 1)) < few
        score[:, start : start + 21][unsure] = 0.3
    score[rng.random(frames) < armless, 42:] = 0.2
    return dict(
        keypoint=keypoint[None].astype(np.float32),
        keypoint_score=score[None].astype(np.float32),
        img_shape=(HEIGHT, WIDTH),
        layout="sign49",
        frame_dir=f"signer_{seed}",
        total_frames=frames,
        label=1,
        clip_id=seed,
    )


def described(clip):
    """What the loops make of a clip: arrays of the frame list."""
    pixels, score, frames = loop_crop(
        clip["keypoint"][0].astype(np.float64), clip["keypoint_score"][0].astype(np.float64)
    )
    pixels, score = pixels[frames], score[frames]
    # A hand without a box has no position to move from: its motion is 0.
    motion, weight = loop_motion(pixels, score)
    for t in range(len(motion) - K):
        for j in range(49):
            if score[t, j] == 0 or score[t + K, j] == 0:
                motion[t, j] = weight[t, j] = 0
    return pixels, score, frames, motion, weight


any_clip = given(
    frames=st.integers(1, 16),
    seed=st.integers(0, 10_000),
    few=st.sampled_from([0.0, 0.3, 1.0]),
    armless=st.sampled_from([0.0, 0.5]),
)


@settings(max_examples=40, deadline=None)
@any_clip
def test_crops_frames_and_targets(pipeline, frames, seed, few, armless):
    clip = signer(frames, seed, few, armless)
    pixels, score, kept, motion, weight = described(clip)
    inputs = pipeline(dict(clip))["inputs"]
    if not kept:  # nothing to read at all: the clip stays as it is
        assert inputs["frame_inds"][:frames].tolist() == list(range(frames))
        return
    padding = 128 - len(kept)
    assert inputs["frame_inds"].tolist() == kept + [-1] * padding
    for key in ("motion", "motion_weight"):
        assert not inputs[key][len(kept) :].any(), "nothing moves into the padding"
        inputs[key] = inputs[key][: len(kept)]
    joints = inputs["keypoint"][0, 0].astype(np.float64)
    assert not joints[len(kept) :].any()
    joints = joints[: len(kept)]
    np.testing.assert_allclose(joints[..., :2] * 256, pixels * (score > 0)[..., None], atol=0.02)
    np.testing.assert_array_equal(joints[..., 2], score.astype(np.float32))
    np.testing.assert_allclose(inputs["motion"][:, :, 0], motion, atol=0.03)
    unclear = np.abs(motion - THR) < 0.05  # float32 may see the threshold from the other side
    found = inputs["motion_weight"][:, :, 0]
    assert found.shape == weight.shape
    np.testing.assert_allclose(found[~unclear], weight[~unclear], rtol=1e-5)


@settings(max_examples=40, deadline=None)
@any_clip
def test_the_two_masks(pipeline, frames, seed, few, armless):
    clip = signer(frames, seed, few, armless, step=0.7)
    _, score, kept, motion, _ = described(clip)
    candidates = loop_candidates(motion)
    # float32 may see the threshold from the other side
    settled = (loop_candidates(motion, THR - 0.03) == loop_candidates(motion, THR + 0.03)).all()
    if not kept or not settled:
        return
    np.random.seed(seed)
    inputs = pipeline(dict(clip))["inputs"]
    mask, key_mask = inputs["frame_mask"], inputs["key_frame_mask"]
    assert not (mask[len(kept) :].any() or key_mask[len(kept) :].any())
    mask, key_mask = mask[: len(kept)], key_mask[: len(kept)]
    assert not (mask & ~candidates).any()
    assert mask.sum(0).tolist() == [round(0.9 * n) for n in candidates.sum(0).tolist()]
    assert not mask[-K:].any(), "the last k frames have no target and are never masked"
    np.testing.assert_array_equal(inputs["key_keypoint"], inputs["keypoint"])
    present = np.stack([(score[:, list(joints)] > 0).any(1) for joints in PARTS], 1)
    assert not (key_mask & ~present).any()
    whole = (~key_mask).all(1).sum()
    assert whole >= 1
    if whole > 1:  # no frame had to be given back
        assert key_mask.sum(0).tolist() == [round(0.5 * n) for n in present.sum(0).tolist()]


def test_thresholds_are_of_the_signed_value(steps):
    """Four pixels right or down select a frame and are supervised, left or up do neither."""
    moves = dict(right=(4, 0), down=(0, 4), left=(-4, 0), up=(0, -4), both=(-4, 4), little=(3, 3))
    masking = TRANSFORMS.build({**steps[-2], "mask_ratio": 1.0})
    residual = TRANSFORMS.build(steps[-3])
    for name, move in moves.items():
        keypoint = np.full((1, 4, 49, 2), 0.5, np.float32)
        keypoint[0, 3, 5] += np.array(move, np.float32) / 256
        clip = dict(keypoint=keypoint, keypoint_score=np.ones((1, 4, 49), np.float32))
        selected = name in ("right", "down", "both")
        mask = masking(dict(clip))["frame_mask"][0]
        assert mask.tolist() == [[selected, False, False]] + [[False] * 3] * 3, name
        weight = residual(dict(clip))["motion_weight"]
        assert weight[0, 0, 5, 0].tolist() == [float(value > 3) for value in move], name
        assert weight.sum() == sum(value > 3 for value in move)


def test_confidence_is_ignored_by_the_mask_but_not_by_the_targets(steps):
    keypoint = np.full((1, 4, 49, 2), 0.5, np.float32)
    keypoint[0, 3, :21] += np.float32(9 / 256)
    score = np.full((1, 4, 49), 0.1, np.float32)
    clip = dict(keypoint=keypoint, keypoint_score=score)
    mask = TRANSFORMS.build({**steps[-2], "mask_ratio": 1.0})(dict(clip))["frame_mask"]
    assert mask[0, 0].tolist() == [True, False, False]
    assert not TRANSFORMS.build(steps[-3])(dict(clip))["motion_weight"].any()


def test_an_eighth_of_the_key_views_frames_stays_whole(pipeline):
    clip = signer(128, seed=3, few=0, armless=0)
    share = np.mean(
        [(~pipeline(dict(clip))["inputs"]["key_frame_mask"]).all(1).mean() for _ in range(100)]
    )
    assert share == pytest.approx(0.125, abs=0.02)


def test_left_values_above_255_are_zeroed_and_right_ones_are_not():
    # Hands that end at the border: with the 'image' clamp a joint beyond it leaves the crop.
    clip = signer(1, seed=0, few=0)
    clip["keypoint"][0, 0, :21] = clip["keypoint"][0, 0, 21:42] = [200, 100]
    clip["keypoint"][0, 0, [0, 21]] = [150, 100]
    clip["keypoint"][0, 0, [1, 22]] = [250, 100]
    clip["keypoint"][0, 0, [2, 23]] = [200, 400]  # below the image, unsure: shapes no box
    clip["keypoint_score"][0, 0, [2, 23]] = 0.3
    options = dict(clamp="image", fallback="elbow_wrist_50px")
    plain = ReferenceCropSignParts(**options)(dict(clip))["keypoint"][0, 0] * 256
    slip = (
        ReferenceCropSignParts(zero_left_above=255, **options)(dict(clip))["keypoint"][0, 0] * 256
    )
    assert plain[2, 1] > 255 and plain[23, 1] > 255
    assert slip[23, 1] == 0 and slip[23, 0] == plain[23, 0], "that coordinate alone"
    changed = slip != plain
    assert changed.sum() == 1 and changed[23, 1]


def test_the_clamp_at_the_image_cuts_off_joints_beyond_it():
    clip = signer(1, seed=0, few=0)
    clip["keypoint"][0, 0, :21] = [40, 100]
    clip["keypoint"][0, 0, 0] = [-10, 100]
    # Extent 50, side 110, from -40 to 70: clamped to 0..70 and to 45..155.
    cut = ReferenceCropSignParts(clamp="image")(dict(clip))["keypoint"][0, 0]
    assert cut[0] == pytest.approx([-10 / 70, 55 / 110], abs=1e-5)
    assert cut[1] == pytest.approx([40 / 70, 55 / 110], abs=1e-5)
    held = CropSignParts()(dict(clip))["keypoint"][0, 0]
    assert held[0, 0] == pytest.approx(0, abs=1e-5)


def test_the_margin_in_pixels_is_absolute():
    clip = signer(1, seed=0, few=1)
    # The forearm is (30, 60): the hand's centre is (170, 140), the box 60 * 2 / 3 + 100 wide.
    for _, elbow, wrist in HANDS.values():
        clip["keypoint"][0, 0, [elbow, wrist]] = [[130, 60], [160, 120]]
    clip["keypoint_score"][0, 0] = np.where(np.arange(49) < 42, 0.3, 1)
    clip["keypoint"][0, 0, 0] = [170, 140]
    got = ReferenceCropSignParts(fallback="elbow_wrist_50px")(dict(clip))["keypoint"][0, 0]
    assert got[0] == pytest.approx([0.5, 0.5], abs=1e-5)
    assert got[1, 0] == pytest.approx((clip["keypoint"][0, 0, 1, 0] - 100) / 140, abs=1e-5)
    tiny = dict(clip, keypoint=clip["keypoint"] / np.float32(WIDTH), img_shape=(0.75, 1))
    with pytest.raises(ValueError, match=r"'signer_0'.*needs joints in pixels.*elbow_wrist"):
        ReferenceCropSignParts(fallback="elbow_wrist_50px")(tiny)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: ReferenceCropSignParts(clamp="hard"),
            "clamp must be one of joints, image, got 'hard'",
        ),
        (
            lambda: ReferenceCropSignParts(zero_left_above=-1),
            "zero_left_above must be a number of at least 0",
        ),
        (
            lambda: ReferenceMotionResidual(signed_thr=-1),
            "signed_thr must be a number of at least 0",
        ),
        (lambda: ReferenceMotionAwareMasking(visible_parts="some"), "one of any, all, got 'some'"),
    ],
)
def test_bad_arguments(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(1, 12),
    min_visible=st.integers(1, 4),
    mask_ratio=st.sampled_from([0.5, 1.0]),
    seed=st.integers(0, 99),
)
def test_frames_without_any_masked_part_are_guaranteed(
    make_clip, frames, min_visible, mask_ratio, seed
):
    clip = make_clip(frames, seed, missing=("body",))
    transform = ReferenceMotionAwareMasking(
        mask_ratio,
        score_thr=0.0,
        level="part",
        strategy="random",
        min_visible=min_visible,
        visible_parts="all",
    )
    mask = transform(dict(clip))["frame_mask"][0]
    shown = clip["keypoint_score"][0].any(1)
    assert ((~mask).all(1) & shown).sum() >= min(min_visible, shown.sum())


def test_the_key_views_mask_reaches_the_batch(make_clip):
    views = AlignmentViews(
        [dict(type="ReferenceMotionAwareMasking", level="part", strategy="random")]
    )
    clips = [PackSignInputs()(views(make_clip(frames, frames))) for frames in (9, 5)]
    mask = pad_clips(clips)["inputs"]["key_frame_mask"]
    assert tuple(mask.shape) == (2, 9, 3) and str(mask.dtype) == "torch.bool"
    for row, clip in zip(mask.numpy(), clips, strict=True):
        own = clip["inputs"]["key_frame_mask"]
        np.testing.assert_array_equal(row[: len(own)], own)
        assert own.any() and not row[len(own) :].any()
    plain = PackSignInputs()(AlignmentViews([])(MotionAwareMasking()(make_clip())))
    assert "key_frame_mask" not in plain["inputs"], "the query's mask is not the key's"


@pytest.mark.parametrize(
    ("parent", "child"),
    [
        (CropSignParts, ReferenceCropSignParts),
        (MotionResidual, ReferenceMotionResidual),
        (MotionAwareMasking, ReferenceMotionAwareMasking),
    ],
)
def test_without_options_equals_its_parent(parent, child):
    clip, results = signer(20, seed=1), []
    options = dict(pixel_scale=1) if parent is not CropSignParts else {}
    for transform in (parent(**options), child(**options)):
        np.random.seed(4)
        results.append(transform(dict(clip)))
    assert results[0].keys() == results[1].keys()
    for key in ("keypoint", "keypoint_score", "motion", "motion_weight", "frame_mask"):
        if key in results[0]:
            np.testing.assert_array_equal(results[0][key], results[1][key])


@pytest.mark.parametrize(
    ("old", "moved"),
    [
        (dict(type="CropSignParts", clamp="image", min_visible=5), "clamp"),
        (dict(type="CropSignParts", zero_left_above=255), "zero_left_above"),
        (dict(type="CropSignParts", fallback="elbow_wrist_50px"), "fallback='elbow_wrist_50px'"),
        (dict(type="MotionResidual", intervals=(3,), signed_thr=3.0), "signed_thr"),
        (dict(type="MotionAwareMasking", level="part", pixel_scale=1), "level"),
        (
            dict(type="MotionAwareMasking", signed=True, visible_parts="all", pixel_scale=1),
            "signed, visible_p",
        ),
    ],
)
def test_old_options_of_the_parents_still_work(old, moved):
    new = "Reference" + old["type"]
    with pytest.warns(FutureWarning, match=rf"{old['type']}: {moved}.* moved to type=.{new}"):
        built = TRANSFORMS.build(old)
    assert repr(built) == repr(TRANSFORMS.build(dict(old, type=new)))
    clip, results = signer(20, seed=1), []
    for transform in (built, TRANSFORMS.build(dict(old, type=new))):
        np.random.seed(4)
        results.append(transform(dict(clip)))
    for key, value in results[0].items():
        np.testing.assert_array_equal(value, results[1][key])


def test_the_parents_options_do_not_warn(recwarn):
    CropSignParts(2.2, fallback="elbow_wrist")
    MotionResidual((3,), score_thr=0.1)
    MotionAwareMasking(0.5, strategy="random")
    assert not [w for w in recwarn if w.category is FutureWarning]
