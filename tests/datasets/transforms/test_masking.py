"""The mask against the paper's rule written out as loops, and what it promises about visibility."""

from pathlib import Path

import mmaction.datasets.transforms  # noqa: F401  (MMAction2's own)
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.registry import TRANSFORMS
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.logging import MMLogger
from mmengine.utils import get_installed_path

from masa_mm.datasets.transforms import (
    CropSignParts,
    MotionAwareMasking,
    ReferenceMotionAwareMasking,
)
from masa_mm.errors import UserError


def reference_candidates(clip, groups, thr=5.0, ratio=0.5, score_thr=0.4, k=3, scale=256.0):
    """Candidates [T, len(groups)] frame by frame, joint by joint, in float64."""
    x, r = clip["keypoint"].astype(float) * scale, clip["keypoint_score"].astype(float)
    persons, frames = r.shape[:2]
    candidates = np.zeros((frames, len(groups)), bool)
    for t in range(frames - k):
        for g, joints in enumerate(groups):
            confident = moving = 0
            for m in range(persons):
                for v in joints:
                    if min(r[m, t, v], r[m, t + k, v]) >= np.float32(score_thr):
                        confident += 1
                        moving += np.linalg.norm(x[m, t + k, v] - x[m, t, v]) > thr
            candidates[t, g] = confident > 0 and moving / confident > ratio
    return candidates


def joint_groups(level, joints=49):
    if level == "frame":
        return [range(joints)] * 3
    return [range(21), range(21, 42), range(42, 49)]


def visible_frames(clip, mask):
    """Frames with a part that has a joint and is not masked."""
    count = 0
    for t in range(mask.shape[1]):
        count += any(
            clip["keypoint_score"][:, t, joints].any() and not mask[0, t, p]
            for p, joints in enumerate(map(list, joint_groups("part")))
        )
    return count


@settings(max_examples=200, deadline=None)
@given(
    frames=st.integers(1, 25),
    level=st.sampled_from(["frame", "part"]),
    missing=st.sets(st.sampled_from(["right_hand", "left_hand", "body"]), max_size=2),
    blank=st.sets(st.integers(0, 24), max_size=4),
    step_px=st.floats(1, 8),
    mask_ratio=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
    min_visible=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_any_clip(make_clip, frames, level, missing, blank, step_px, mask_ratio, min_visible, seed):
    clip = make_clip(frames, seed, missing, [t for t in blank if t < frames], step_px)
    candidates = reference_candidates(clip, joint_groups(level))
    np.random.seed(seed)
    transform = ReferenceMotionAwareMasking(mask_ratio, level=level, min_visible=min_visible)
    mask = transform(dict(clip))["frame_mask"]

    assert mask.shape == (1, frames, 3) and mask.dtype == bool
    assert not (mask[0] & ~candidates).any(), "only candidates are masked"
    if level == "frame":
        assert (mask == mask[..., :1]).all()
    with_joints = int(clip["keypoint_score"].any(axis=(0, 2)).sum())
    visible = visible_frames(clip, mask)
    assert visible >= min(min_visible, with_joints)
    wanted = [round(mask_ratio * n) for n in candidates.sum(0).tolist()]
    if visible > min_visible:  # nothing had to be made visible again
        assert mask[0].sum(0).tolist() == wanted


def test_nine_of_ten_candidates_are_masked():
    # 13 frames, each 6 pixels from the one three before: 10 have a later frame to compare with
    keypoint = np.zeros((1, 13, 49, 2), np.float32)
    keypoint[..., 0] = 0.25 + np.arange(13)[None, :, None] * 2 / 256
    clip = dict(keypoint=keypoint, keypoint_score=np.ones((1, 13, 49), np.float32))
    masks = [MotionAwareMasking()(dict(clip))["frame_mask"][0, :, 0] for _ in range(200)]
    assert {int(mask.sum()) for mask in masks} == {9}
    often = np.sum(masks, axis=0) / 200
    assert not often[10:].any(), "the last k frames have no motion"
    np.testing.assert_allclose(often[:10], 0.9, atol=0.12)


@pytest.mark.parametrize(
    ("moved_px", "joints", "is_candidate"),
    [
        (5.5, 49, True),
        (5.0, 49, False),  # exceeds eps_m, not reaches it
        (5.5, 25, True),
        (5.5, 24, False),  # 24 of 49 is not above delta = 0.5
    ],
)
def test_thresholds(moved_px, joints, is_candidate):
    keypoint = np.full((1, 4, 49, 2), 0.5, np.float32)
    keypoint[0, 3, :joints] += np.float32(moved_px / 256) * np.array([0.6, -0.8], np.float32)
    if moved_px == 5.0:  # along one axis the length is exact
        keypoint[0, 3] = 0.5
        keypoint[0, 3, :, 0] -= np.float32(5 / 256)
    clip = dict(keypoint=keypoint, keypoint_score=np.ones((1, 4, 49), np.float32))
    mask = MotionAwareMasking(mask_ratio=1.0)(clip)["frame_mask"]
    assert mask[0, :, 0].tolist() == [is_candidate, False, False, False]


def test_share_is_of_the_confident_joints(make_clip):
    # One moving hand is 21 of 49 joints: below a half of all, but all that is there.
    clip = make_clip(missing=("left_hand", "body"), step_px=20, low_scores=False)
    mask = MotionAwareMasking()(clip)["frame_mask"]
    assert mask.any()


def test_unconfident_frames_are_never_candidates(make_clip):
    clip = make_clip(step_px=20)
    clip["keypoint_score"] = np.minimum(clip["keypoint_score"], np.float32(0.39))
    for strategy in ("motion", "random"):
        assert not MotionAwareMasking(1.0, strategy=strategy)(dict(clip))["frame_mask"].any()


def test_random_strategy_masks_resting_frames_too(make_clip):
    clip = make_clip(frames=20, step_px=0, low_scores=False, blank=(0, 1, 2, 3))
    mask = MotionAwareMasking(0.5, strategy="random")(dict(clip))["frame_mask"][0, :, 0]
    assert mask.sum() == 8 and not mask[:4].any()
    assert not MotionAwareMasking(0.5)(dict(clip))["frame_mask"].any()
    parts = ReferenceMotionAwareMasking(0.5, strategy="random", level="part")(
        make_clip(frames=20, missing=("body",), low_scores=False)
    )["frame_mask"][0]
    assert parts.sum(0).tolist() == [10, 10, 0]
    assert (parts[:, 0] != parts[:, 1]).any(), "parts are drawn by themselves"


def test_visible_frames_are_given_back_at_random(make_clip):
    clip = make_clip(frames=6, low_scores=False)
    transform = MotionAwareMasking(1.0, strategy="random", min_visible=2)
    visible = np.zeros(6)
    for _ in range(300):
        mask = transform(dict(clip))["frame_mask"][0, :, 0]
        assert mask.sum() == 4
        visible += ~mask
    np.testing.assert_allclose(visible / 300, 1 / 3, atol=0.12)


@pytest.mark.parametrize("level", ["frame", "part"])
def test_erase_zeroes_what_is_masked_and_nothing_else(make_clip, level):
    clip = make_clip(step_px=20)
    result = ReferenceMotionAwareMasking(level=level, erase=True)(dict(clip))
    mask = result["frame_mask"]
    assert mask.any() and not mask.all()
    for p, joints in enumerate(joint_groups("part")):
        for t in range(40):
            for key in ("keypoint", "keypoint_score"):
                kept = 0 if mask[0, t, p] else clip[key][0, t, list(joints)]
                assert (result[key][0, t, list(joints)] == kept).all()
    assert result["keypoint"].dtype == result["keypoint_score"].dtype == np.float32


def test_pixels_give_the_same_mask_as_part_coordinates(make_clip):
    clip = make_clip(step_px=2.6)  # some frames are candidates, some are not
    assert 10 < reference_candidates(clip, joint_groups("frame"))[:, 0].sum() < 30
    pixels = dict(clip, keypoint=clip["keypoint"] * np.float32(256))
    masks = []
    for transform, data in (
        (MotionAwareMasking(), clip),
        (MotionAwareMasking(pixel_scale=1), pixels),
    ):
        np.random.seed(3)
        masks.append(transform(dict(data))["frame_mask"])
    assert masks[0].any()
    np.testing.assert_array_equal(*masks)


def coco_clip(persons=2, frames=30):
    """As MMAction2's 2D skeleton annotations: pixels, 17 joints, the second person leaves."""
    rng = np.random.default_rng(1)
    keypoint = 300 + rng.normal(0, 2.6, (persons, frames, 17, 2)).cumsum(1)
    score = rng.uniform(0.3, 1, (persons, frames, 17))
    if persons == 2:
        keypoint[1, 10:], score[1, 10:] = 0, 0
    return dict(keypoint=keypoint.astype(np.float32), keypoint_score=score.astype(np.float32))


@pytest.mark.parametrize("persons", [1, 2])
def test_augments_mmaction2s_pixel_annotations(persons):
    clip = coco_clip(persons)
    candidates = reference_candidates(clip, joint_groups("frame", 17), scale=1)[:, 0]
    result = TRANSFORMS.build(dict(type="MotionAwareMasking", pixel_scale=1, erase=True))(
        dict(clip)
    )
    mask = result["frame_mask"]
    assert mask.shape == (1, 30, 3)
    assert 4 < candidates.sum() < 23, "some frames are candidates, some are not"
    assert mask[0, :, 0].sum() == round(0.9 * candidates.sum())
    assert not (mask[0, :, 0] & ~candidates).any()
    for key in ("keypoint", "keypoint_score"):
        assert not result[key][:, mask[0, :, 0]].any()
        np.testing.assert_array_equal(result[key][:, ~mask[0, :, 0]], clip[key][:, ~mask[0, :, 0]])


def test_three_dimensional_data_without_scores():
    clip = coco_clip()
    rng = np.random.default_rng(2)
    flat, score = clip["keypoint"], clip["keypoint_score"] > 0
    keypoint = np.concatenate([flat, rng.normal(0, 1, (*flat.shape[:3], 1))], -1) * score[..., None]
    twin = dict(keypoint=keypoint, keypoint_score=score.astype(np.float32))
    candidates = reference_candidates(twin, joint_groups("frame", 17), scale=1)[:, 0]
    result = MotionAwareMasking(pixel_scale=1, erase=True)(dict(keypoint=keypoint))
    mask = result["frame_mask"][0, :, 0]
    assert mask.sum() == round(0.9 * candidates.sum()) and not (mask & ~candidates).any()
    assert "keypoint_score" not in result and not result["keypoint"][:, mask].any()


def test_views_are_masked_apart(make_clip):
    clips = [make_clip(20, seed, step_px=20, low_scores=False) for seed in (1, 2)]
    joined = {k: np.concatenate([c[k] for c in clips], 1) for k in ("keypoint", "keypoint_score")}
    mask = MotionAwareMasking(1.0)(dict(joined, num_clips=2))["frame_mask"][0, :, 0]
    for view, clip in enumerate(clips):
        expected = reference_candidates(clip, joint_groups("frame"))[:, 0]
        np.testing.assert_array_equal(mask[20 * view : 20 * view + 20], expected)


def pixel_walk(step_px=4.0, size=(480, 640), seed=0, frames=60):
    """17 joints of two persons in pixels, a random walk about the centre of the image."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, step_px, (2, frames, 17, 2))
    start = rng.uniform(0.3, 0.7, (2, 1, 17, 2)) * size[::-1]
    return dict(
        keypoint=(start + steps.cumsum(1)).astype(np.float32),
        keypoint_score=rng.uniform(0.4, 1, (2, frames, 17)).astype(np.float32),
        img_shape=size,
        total_frames=frames,
        start_index=0,
        label=0,
        frame_dir="walk",
    )


def mmactions_pipeline():
    """The training pipeline of MMAction2's own STGCN++ on 2D poses."""
    cfg = Config.fromfile(
        Path(get_installed_path("mmaction"))
        / ".mim/configs/skeleton/stgcnpp"
        / "stgcnpp_8xb16-joint-u100-80e_ntu60-xsub-keypoint-2d.py"
    )
    return list(cfg.train_pipeline)


def run(steps, clip):
    return Compose([TRANSFORMS.build(step) for step in steps])(clip)


def test_refuses_mmactions_order_and_masks_in_its_own():
    steps = mmactions_pipeline()
    assert [step["type"] for step in steps][:4] == [
        "PreNormalize2D",
        "GenSkeFeat",
        "UniformSampleFrames",
        "PoseDecode",
    ]
    masking = dict(type="MotionAwareMasking", mask_ratio=0.3, pixel_scale=1, erase=True)
    with pytest.raises(UserError, match=r"clip 'walk'.* pixel_scale=1 .*before PreNormalize2D"):
        run([*steps[:4], masking, *steps[4:]], pixel_walk())
    with pytest.raises(UserError, match="before PreNormalize2D"):
        run([steps[0], *steps[2:4], masking], pixel_walk())
    result = run([*steps[2:4], masking, *steps[:2]], pixel_walk())
    share = result["frame_mask"].mean()
    assert 0.25 < share <= 0.31
    masked = result["frame_mask"][0, :, 0]
    assert (result["keypoint"][:, masked, :, 2] == 0).all(), "scores are a feature by now"
    run([*steps[2:4], masking, *steps[:2], *steps[4:]], pixel_walk())


@pytest.mark.parametrize(
    ("normalise", "options"),
    [
        (lambda x: x / 640, dict(pixel_scale=1)),  # by the image's size
        (lambda x: (x - 320) / 90, dict(pixel_scale=1)),  # by the shoulders
        (lambda x: x / 640, dict(pixel_scale=1, motion_thr=1.0)),
        (lambda x: 0.01 * (x - 320), dict(pixel_scale=1)),  # metres
    ],
)
def test_refuses_normalised_joints_as_pixels(normalise, options):
    clip = pixel_walk()
    clip["keypoint"] = normalise(clip["keypoint"])
    with pytest.raises(UserError, match="too few for motion_thr"):
        MotionAwareMasking(**options)(clip)


def test_refuses_part_coordinates_as_pixels_and_pixels_as_part_coordinates(make_clip):
    clip = dict(make_clip(), normalization="part_crop")
    with pytest.raises(UserError, match="256 for part coordinates"):
        MotionAwareMasking(pixel_scale=1)(dict(clip))
    assert MotionAwareMasking()(clip)["frame_mask"].any()
    with pytest.raises(UserError, match=r"more than any video has.*pixel_scale=1"):
        MotionAwareMasking()(pixel_walk())


def test_refuses_features_that_are_no_coordinates():
    clip = pixel_walk()
    clip["keypoint"] = np.concatenate([clip["keypoint"]] * 3, -1)
    with pytest.raises(UserError, match=r"6 coordinates a joint.*before GenSkeFeat"):
        MotionAwareMasking(pixel_scale=1)(clip)


def test_units_do_not_matter_where_motion_does_not(make_clip):
    clip = pixel_walk()
    clip["keypoint"] /= 640
    assert MotionAwareMasking(pixel_scale=1, strategy="random")(dict(clip))["frame_mask"].any()
    assert MotionAwareMasking(pixel_scale=1, motion_thr=0)(dict(clip))["frame_mask"].any()
    nobody = dict(clip, keypoint_score=np.zeros_like(clip["keypoint_score"]))
    assert not MotionAwareMasking(pixel_scale=1)(nobody)["frame_mask"].any()


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(112, 4320),
    width=st.integers(112, 7680),
    step=st.floats(0.5, 20),
    seed=st.integers(0, 99),
)
def test_any_video_is_in_pixels(height, width, step, seed):
    clip = pixel_walk(step, (height, width), seed, frames=20)
    MotionAwareMasking(pixel_scale=1)(clip)


@settings(max_examples=60, deadline=None)
@given(
    factor=st.sampled_from([0.25, 0.5, 2.0, 4.0, 8.0]),
    step=st.floats(1, 8),
    seed=st.integers(0, 99),
)
def test_a_threshold_relative_to_the_width_masks_alike_at_any_size(factor, step, seed):
    """Powers of two, so that the same rounding decides."""
    masks = []
    for scale in (1.0, factor):
        clip = pixel_walk(step, seed=seed)
        clip["keypoint"] = clip["keypoint"] * np.float32(scale)
        np.random.seed(seed)
        masks.append(MotionAwareMasking(pixel_scale=0.4 / scale)(clip)["frame_mask"])
    np.testing.assert_array_equal(*masks)


@settings(max_examples=40, deadline=None)
@given(factor=st.sampled_from([0.5, 2.0, 4.0]), step=st.floats(1, 8), seed=st.integers(0, 99))
def test_crops_mask_alike_at_any_size(factor, step, seed):
    rng = np.random.default_rng(seed)
    keypoint = rng.uniform(200, 300, (1, 1, 49, 2)) + rng.normal(0, step, (1, 30, 49, 2)).cumsum(1)
    score = np.ones((1, 30, 49), np.float32)
    masks = []
    for scale in (1.0, factor):
        clip = dict(
            keypoint=(keypoint * scale).astype(np.float32),
            keypoint_score=score,
            img_shape=(int(480 * scale), int(640 * scale)),
        )
        np.random.seed(seed)
        masks.append(MotionAwareMasking()(CropSignParts()(clip))["frame_mask"])
    np.testing.assert_array_equal(*masks)


@pytest.fixture
def warnings_of_the_log(monkeypatch):
    lines = []
    monkeypatch.setattr(
        "masa_mm.datasets.transforms.masking.print_log", lambda text, **_: lines.append(text)
    )
    return lines


def test_warns_once_if_it_never_masks(make_clip, warnings_of_the_log):
    transform = MotionAwareMasking(motion_thr=60)
    for seed in range(99):
        transform(make_clip(seed=seed))
    assert not warnings_of_the_log
    for seed in range(200):
        transform(make_clip(seed=seed))
    (line,) = warnings_of_the_log
    assert "motion_thr=60" in line and "first 100 clips" in line and "\n" not in line


@pytest.mark.parametrize("case", ["resting", "one mask", "no ratio", "one frame"])
def test_does_not_warn_without_reason(make_clip, warnings_of_the_log, case):
    transform = MotionAwareMasking(0.0 if case == "no ratio" else 0.9, motion_thr=60)
    clip = make_clip(
        step_px=0 if case == "resting" else 4.0, frames=1 if case == "one frame" else 40
    )
    if case == "one mask":
        transform(make_clip(step_px=400))
    for _ in range(150):
        transform(dict(clip))
    assert not warnings_of_the_log


class Clips(torch.utils.data.Dataset):
    """A dataset whose pipeline never masks, as a loader's worker sees it."""

    def __init__(self, make_clip):
        self.clip, self.transform = make_clip(), MotionAwareMasking(motion_thr=60)

    def __len__(self):
        return 120

    def __getitem__(self, index):
        return self.transform(dict(self.clip))["frame_mask"].any()


def test_a_worker_writes_the_warning_to_the_runs_log(make_clip, tmp_path):
    log = tmp_path / "run.log"
    MMLogger.get_instance("masking", logger_name="masking", log_file=str(log))
    loader = torch.utils.data.DataLoader(Clips(make_clip), num_workers=1, batch_size=10)
    assert not any(bool(batch.any()) for batch in loader)
    assert log.read_text().count("masked no frame of the first 100 clips") == 1
