"""What every transform promises: clear errors, inputs left alone, one seed one result."""

import numpy as np
import pytest
from mmaction.registry import TRANSFORMS

import masa_mm.datasets.transforms as transforms
from masa_mm.datasets.transforms.base import random_subset, take_frames

# One of each that works on a packed or unpacked clip in part coordinates.
CONFIGS = [
    dict(type="SelectSignJoints"),
    dict(type="CropSignParts"),
    dict(type="KeepHandFrames"),
    dict(type="SampleSignFrames", clip_len=16),
    dict(type="SampleSignFrames", clip_len=16, mode="uniform"),
    dict(type="SampleSignFrames", clip_len=64),
    dict(type="MotionResidual", intervals=(1, 3)),
    dict(type="MotionAwareMasking"),
    dict(type="ReferenceMotionAwareMasking", level="part", erase=True),
    dict(type="MotionAwareMasking", strategy="random", erase=True),
    dict(type="ReferenceMotionResidual", signed_thr=3.0),
    dict(type="ReferenceCropSignParts", clamp="image", zero_left_above=255, box_scale=2.0),
    dict(type="RandomFrameView"),
    dict(
        type="AlignmentViews", key=[dict(type="RandomFrameView"), dict(type="DropJoints", prob=0.5)]
    ),
    dict(type="SwapHands", prob=1.0),
    dict(type="RandomPartAffine", shear=0.1),
    dict(type="JointNoise", std=3.0),
    dict(type="DropJoints", prob=0.3),
    dict(type="DropFrames", prob=0.3),
    dict(type="PackSignInputs"),
]
NEED_FRAMES = [config for config in CONFIGS if config["type"] != "AlignmentViews"]


def name(config):
    return "-".join(str(value) for value in config.values())


def arrays(tree):
    """All arrays of nested dicts, by path."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{path}", array) for path, array in arrays(value))
        elif isinstance(value, np.ndarray):
            yield key, value


@pytest.mark.parametrize("config", CONFIGS, ids=name)
class TestEveryTransform:
    def test_leaves_the_arrays_it_is_given_alone(self, config, make_clip):
        # the clip's arrays refuse writing, as those of a store do
        clip = make_clip()
        before = {key: array.copy() for key, array in arrays(clip)}
        TRANSFORMS.build(config)(dict(clip))
        for key, array in arrays(clip):
            np.testing.assert_array_equal(array, before[key])

    def test_one_seed_gives_one_result(self, config, make_clip):
        results = []
        for _ in range(2):
            np.random.seed(5)
            results.append(dict(arrays(TRANSFORMS.build(config)(make_clip()))))
        assert results[0].keys() == results[1].keys()
        for key in results[0]:
            np.testing.assert_array_equal(results[0][key], results[1][key])

    def test_prints_its_arguments(self, config, make_clip):
        printed = repr(TRANSFORMS.build(config))
        assert printed.startswith(config["type"] + "(")
        for argument in config.keys() - {"type", "key"}:
            assert f"{argument}={config[argument]!r}" in printed

    def test_survives_one_frame(self, config, make_clip):
        TRANSFORMS.build(config)(make_clip(frames=1, low_scores=False))


@pytest.mark.parametrize("config", NEED_FRAMES, ids=name)
class TestBadClips:
    def test_no_frames(self, config, make_clip):
        with pytest.raises(ValueError, match="'clip_0' is empty"):
            TRANSFORMS.build(config)(make_clip(frames=0))

    def test_no_keypoint(self, config, make_clip):
        clip = make_clip()
        del clip["keypoint"]
        with pytest.raises(KeyError, match="'clip_0' has no 'keypoint'"):
            TRANSFORMS.build(config)(clip)

    def test_scores_of_another_shape(self, config, make_clip):
        clip = make_clip()
        clip["keypoint_score"] = clip["keypoint_score"][:, :-1]
        with pytest.raises(ValueError, match=r"'clip_0' has 'keypoint' of shape \[1, 40, 49, 2\]"):
            TRANSFORMS.build(config)(clip)

    def test_after_formatting(self, config, make_clip):
        clip = make_clip()
        clip["keypoint"] = clip["keypoint"][None]
        with pytest.raises(ValueError, match="before FormatGCNInput"):
            TRANSFORMS.build(config)(clip)


@pytest.mark.parametrize(
    "config",
    [
        dict(type="SwapHands"),
        dict(type="KeepHandFrames"),
        dict(type="RandomPartAffine"),
        dict(type="ReferenceMotionAwareMasking", level="part"),
    ],
    ids=name,
)
def test_what_knows_hands_asks_for_the_sign_joints(config, make_clip):
    clip = make_clip()
    for key in ("keypoint", "keypoint_score"):
        clip[key] = clip[key][:, :, :17]
    with pytest.raises(ValueError, match="'clip_0' needs the 49 sign joints, got 17"):
        TRANSFORMS.build(config)(clip)


@pytest.mark.parametrize("key", ["motion", "frame_mask"])
@pytest.mark.parametrize("kind", ["SwapHands", "RandomPartAffine"])
def test_joints_are_not_moved_after_their_motion_was_taken(kind, key, make_clip):
    clip = make_clip()
    clip[key] = np.zeros(1)
    with pytest.raises(ValueError, match=f"'clip_0' already has '{key}'.*place {kind} before"):
        TRANSFORMS.build(dict(type=kind))(clip)


@pytest.mark.parametrize("kind", ["DropJoints", "DropFrames"])
def test_nothing_is_lost_after_masking_counted_it(kind, make_clip):
    clip = make_clip()
    clip["frame_mask"] = np.zeros((1, 40, 3), bool)
    with pytest.raises(ValueError, match=f"place {kind} before"):
        TRANSFORMS.build(dict(type=kind, prob=0.1))(clip)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            dict(type="SampleSignFrames", clip_len=0),
            "clip_len must be an integer of at least 1, got 0",
        ),
        (dict(type="SampleSignFrames", clip_len=4, mode="middle"), "got 'middle'"),
        (dict(type="SampleSignFrames", clip_len=4, short="loop"), "got 'loop'"),
        (
            dict(type="SampleSignFrames", clip_len=4, interval=0),
            "interval must be an integer of at least 1",
        ),
        (
            dict(type="SampleSignFrames", clip_len=4, num_clips=0),
            "num_clips must be an integer of at least 1",
        ),
        (
            dict(type="SampleSignFrames", clip_len=4, mode="uniform", interval=2),
            "no interval, got 2",
        ),
        (dict(type="MotionResidual", intervals=()), r"intervals .*got \(\)"),
        (dict(type="MotionResidual", intervals=(3, 0)), r"got \(3, 0\)"),
        (dict(type="MotionResidual", intervals=(1.5,)), r"got \(1.5,\)"),
        (dict(type="MotionResidual", score_thr=-0.1), "score_thr .*got -0.1"),
        (dict(type="MotionResidual", pixel_scale=0), "pixel_scale must be a number above 0, got 0"),
        (dict(type="MotionAwareMasking", mask_ratio=1.2), r"mask_ratio .*\[0, 1\], got 1.2"),
        (dict(type="MotionAwareMasking", mask_ratio=float("nan")), "mask_ratio .*got nan"),
        (dict(type="MotionAwareMasking", joint_ratio=2), "joint_ratio .*got 2"),
        (
            dict(type="MotionAwareMasking", motion_thr=-1),
            "motion_thr must be a number of at least 0, got -1",
        ),
        (
            dict(type="MotionAwareMasking", min_visible=0),
            "min_visible must be an integer of at least 1, got 0",
        ),
        (
            dict(type="ReferenceMotionAwareMasking", level="joint"),
            "one of frame, part, got 'joint'",
        ),
        (dict(type="MotionAwareMasking", strategy="none"), "one of motion, random, got 'none'"),
        (
            dict(type="KeepHandFrames", min_joints=0),
            "min_joints must be an integer of at least 1, got 0",
        ),
        (dict(type="RandomFrameView", keep_ratio=1.01), "keep_ratio .*got 1.01"),
        (dict(type="SwapHands", prob=-1), "prob .*got -1"),
        (dict(type="RandomPartAffine", scale=1.5), "scale .*got 1.5"),
        (
            dict(type="RandomPartAffine", rotation=-5),
            "rotation must be a number of at least 0, got -5",
        ),
        (dict(type="JointNoise", std=-2), "std must be a number of at least 0, got -2"),
        (dict(type="DropJoints", prob=3), "prob .*got 3"),
        (dict(type="DropFrames", prob=3), "prob .*got 3"),
    ],
)
def test_bad_arguments_are_named_with_their_value(config, message):
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build(config)


def test_all_public_transforms_are_registered():
    for public in transforms.__all__:
        if public[0].isupper():
            assert TRANSFORMS.get(public) is getattr(transforms, public)


def test_per_frame_arrays_are_indexed_together():
    frames = np.arange(6)
    results = dict(
        keypoint=np.broadcast_to(frames[None, :, None, None], (1, 6, 49, 2)) + 1.0,
        keypoint_score=np.ones((1, 6, 49)),
        motion=np.broadcast_to(frames[None, :, None, None, None], (1, 6, 49, 2, 2)) + 1.0,
        motion_weight=np.ones((1, 6, 49, 2)),
        frame_mask=np.ones((1, 6, 3), bool),
        frame_inds=frames + 10,
    )
    take_frames(results, np.array([4, 1, -1]))
    assert results["frame_inds"].tolist() == [14, 11, -1]
    assert results["keypoint"][0, :, 0, 0].tolist() == [5, 2, 0]
    assert results["motion"][0, :, 0, 0, 0].tolist() == [5, 2, 0]
    for key in ("keypoint_score", "motion_weight", "frame_mask"):
        assert results[key][0, :, 0].reshape(3, -1)[:, 0].tolist() == [1, 1, 0], key


def test_random_subset_draws_evenly_from_the_candidates_alone():
    candidates = np.array([[True, False, True, True], [False, False, True, False]])
    drawn = np.zeros((2, 4))
    for _ in range(3000):
        subset = random_subset(candidates, np.array([2, 5]))
        assert subset.sum(-1).tolist() == [2, 1]
        drawn += subset
    assert (drawn[~candidates] == 0).all()
    np.testing.assert_allclose(drawn[0, [0, 2, 3]] / 3000, 2 / 3, atol=0.05)


@pytest.mark.parametrize(
    "kind", [dict(filename="a.mp4"), dict(array=np.zeros((4, 8, 8, 3))), dict(filename_tmpl="{}")]
)
def test_a_video_is_told_to_be_no_pose(kind):
    with pytest.raises(KeyError, match=r"it is a video.*inference_skeleton"):
        transforms.SampleSignFrames(4)(dict(kind, label=-1, modality="RGB"))
