"""What is handed to the collate function."""

import numpy as np
import pytest
from mmengine.dataset import Compose

from masa_mm.datasets.transforms import PackSignInputs, SampleSignFrames
from masa_mm.errors import UserError

PRETRAIN = [
    dict(type="SampleSignFrames", clip_len=32),
    dict(type="MotionResidual", intervals=(1, 3)),
    dict(type="MotionAwareMasking"),
    dict(type="AlignmentViews", key=[dict(type="RandomFrameView")]),
    dict(type="PackSignInputs"),
]


@pytest.fixture
def build():
    from mmaction.registry import TRANSFORMS

    return lambda steps: Compose([TRANSFORMS.build(step) for step in steps])


def test_pretraining_clip(make_clip, build):
    packed = build(PRETRAIN)(make_clip())
    shapes = {key: (value.shape, value.dtype.name) for key, value in packed["inputs"].items()}
    assert shapes == dict(
        keypoint=((1, 1, 32, 49, 3), "float32"),
        frame_inds=((32,), "int64"),
        motion=((32, 49, 2, 2), "float32"),
        motion_weight=((32, 49, 2), "float32"),
        frame_mask=((32, 3), "bool"),
        key_keypoint=((1, 1, 16, 49, 3), "float32"),
        key_frame_inds=((16,), "int64"),
    )
    assert packed["label"] == 3 and packed["clip_id"] == 2**62
    assert packed["meta"] == dict(frame_dir="clip_0", gloss="book", signer=7, total_frames=40)


def test_values_are_the_clips_own(make_clip, build):
    clip = make_clip()
    inputs = build(PRETRAIN)(dict(clip))["inputs"]
    for prefix in ("", "key_"):
        inds = inputs[prefix + "frame_inds"]
        joints = inputs[prefix + "keypoint"][0, 0]
        np.testing.assert_array_equal(joints[..., :2], clip["keypoint"][0, inds])
        np.testing.assert_array_equal(joints[..., 2], clip["keypoint_score"][0, inds])


def test_views_come_first(make_clip):
    clip = make_clip(frames=60)
    packed = PackSignInputs()(SampleSignFrames(16, mode="center", num_clips=3)(dict(clip)))
    views, inds = packed["inputs"]["keypoint"], packed["inputs"]["frame_inds"].reshape(3, 16)
    assert views.shape == (3, 1, 16, 49, 3)
    for view in range(3):
        np.testing.assert_array_equal(views[view, 0, ..., :2], clip["keypoint"][0, inds[view]])


def test_unsampled_unlabelled_clip(make_clip):
    clip = make_clip(frames=5)
    for key in ("label", "clip_id", "gloss", "signer"):
        del clip[key]
    packed = PackSignInputs()(clip)
    assert packed["inputs"]["frame_inds"].tolist() == [0, 1, 2, 3, 4]
    assert (packed["label"], packed["clip_id"]) == (-1, -1)
    assert packed["meta"] == dict(frame_dir="clip_0", total_frames=5)


def test_missing_scores(make_clip):
    clip = make_clip()
    del clip["keypoint_score"]
    with pytest.raises(KeyError, match="'clip_0' has no 'keypoint_score'"):
        PackSignInputs()(clip)


def test_two_persons(make_clip):
    with pytest.raises(ValueError, match="'clip_0' has 2 persons"):
        PackSignInputs()(make_clip(persons=2))


def test_refuses_pixels_but_not_part_coordinates_beyond_their_crop(make_clip):
    clip = make_clip()
    far = dict(clip, keypoint=clip["keypoint"] * 8)
    assert PackSignInputs()(far)["inputs"]["keypoint"].max() > 4
    pixels = dict(clip, keypoint=clip["keypoint"] * 200)
    with pytest.raises(UserError, match=r"'clip_0' has joints in pixels.*CropSignParts"):
        PackSignInputs()(pixels)
    skeleton = {key: clip[key][:, :, :17] * 200 for key in ("keypoint", "keypoint_score")}
    assert PackSignInputs()(skeleton)["inputs"]["keypoint"].shape[-2] == 17, "not a sign's joints"
