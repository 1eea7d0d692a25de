"""Padding: each clip comes back out of its batch as it went in, and the rest is marked."""

import pickle
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.registry import FUNCTIONS
from torch.utils.data import DataLoader

from masa_mm.datasets.collate import pad_clips
from masa_mm.errors import UserError
from masa_mm.frame_plan import pack_plan, plan_batch, plan_recognition

FLAT = ("frame_inds", "motion", "motion_weight", "frame_mask")


def packed(frames, key_frames=3, views=1, intervals=2, seed=0, keys=None):
    """A clip as PackSignInputs makes it, full of non-zero values."""
    rng = np.random.default_rng(seed + 1000 * frames)

    def random(*shape):
        return rng.uniform(0.1, 1, shape).astype(np.float32)

    flat = views * frames
    inputs = dict(
        keypoint=random(views, 1, frames, 49, 3),
        frame_inds=np.arange(flat),
        motion=random(flat, 49, intervals, 2),
        motion_weight=random(flat, 49, intervals),
        frame_mask=np.ones((flat, 3), bool),
        key_keypoint=random(1, 1, key_frames, 49, 3),
        key_frame_inds=np.arange(key_frames),
    )
    return dict(
        inputs={key: inputs[key] for key in keys or inputs},
        label=frames % 7,
        clip_id=2**62 + frames,
        meta=dict(frame_dir=f"clip_{frames}"),
    )


DTYPES = dict.fromkeys(("keypoint", "motion", "motion_weight", "key_keypoint"), torch.float32)
DTYPES |= dict(frame_inds=torch.int64, key_frame_inds=torch.int64, frame_mask=torch.bool)


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 20), st.integers(1, 9)), min_size=1, max_size=6),
    multiple=st.sampled_from([1, 4, 16]),
)
def test_every_clip_comes_back_and_the_rest_is_padding(lengths, multiple):
    clips = [packed(frames, key, seed=i) for i, (frames, key) in enumerate(lengths)]
    batch = pad_clips(clips, pad_to_multiple=multiple)
    assert batch["inputs"].keys() == clips[0]["inputs"].keys()
    for key, stacked in batch["inputs"].items():
        axis = 2 if key.endswith("keypoint") else 0
        longest = max(clip["inputs"][key].shape[axis] for clip in clips)
        frames = stacked.shape[axis + 1]
        assert frames % multiple == 0 and longest <= frames < longest + multiple
        assert stacked.dtype == DTYPES[key] and stacked.is_contiguous()
        for row, clip in zip(stacked.numpy(), clips, strict=True):
            own = clip["inputs"][key]
            row = np.moveaxis(row, axis, 0)
            np.testing.assert_array_equal(row[: own.shape[axis]], np.moveaxis(own, axis, 0))
            assert (row[own.shape[axis] :] == (-1 if key.endswith("frame_inds") else 0)).all()


def test_a_clip_does_not_depend_on_its_batch_mates():
    clip = packed(10)
    alone, together = pad_clips([clip]), pad_clips([packed(20), clip, packed(3)])
    for key, value in alone["inputs"].items():
        axis = 3 if key.endswith("keypoint") else 1
        mate = together["inputs"][key][1:2].narrow(axis, 0, value.shape[axis])
        torch.testing.assert_close(value, mate, rtol=0, atol=0)


def test_labels_and_names_cross_as_a_batch():
    samples = pad_clips([packed(8), packed(9)])["data_samples"]
    assert samples.labels.tolist() == [1, 2] and samples.labels.dtype == torch.int64
    assert samples.clip_ids.tolist() == [2**62 + 8, 2**62 + 9]
    assert [sample.frame_dir for sample in samples] == ["clip_8", "clip_9"]


def test_views_are_padded_each_by_itself():
    clips = [packed(frames, views=3) for frames in (4, 6)]
    inputs = pad_clips(clips)["inputs"]
    assert tuple(inputs["keypoint"].shape) == (2, 3, 1, 6, 49, 3)
    for key in FLAT:
        assert inputs[key].shape[1] == 18
        for view in range(3):
            own = clips[0]["inputs"][key][4 * view : 4 * view + 4]
            np.testing.assert_array_equal(inputs[key][0, 6 * view : 6 * view + 4], own)
            padding = inputs[key][0, 6 * view + 4 : 6 * view + 6]
            assert (padding == (-1 if key == "frame_inds" else 0)).all()


def test_clips_for_finetuning_have_no_targets():
    keys = ("keypoint", "frame_inds")
    batch = pad_clips([packed(5, keys=keys), packed(6, keys=keys)])
    assert batch["inputs"].keys() == set(keys)


def test_runs_in_workers_as_a_config_names_it():
    function = FUNCTIONS.get("pad_clips")
    assert function is pad_clips
    clips = [packed(frames) for frames in (4, 5, 6, 7)]
    expected = [pad_clips(clips[:2]), pad_clips(clips[2:])]
    for batch, reference in zip(
        DataLoader(clips, 2, num_workers=1, collate_fn=function), expected, strict=True
    ):
        for key, value in reference["inputs"].items():
            assert torch.equal(batch["inputs"][key], value)
        assert batch["data_samples"].labels.tolist() == reference["data_samples"].labels.tolist()


def test_the_batch_is_a_handful_of_tensors():
    batch = pad_clips([packed(frames) for frames in range(30, 62)])
    tensors = [*batch["inputs"].values(), batch["data_samples"].labels]
    tensors.append(batch["data_samples"].clip_ids)
    payload = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    assert len(pickle.dumps(batch)) < payload + 20_000


@pytest.mark.parametrize("keys", [None, ("keypoint", "frame_inds")], ids=["masked", "poses"])
def test_frames_are_planned_in_the_worker_if_asked(keys):
    clips = [packed(frames, key, keys=keys) for frames, key in ((4, 2), (7, 3), (5, 5), (6, 1))]
    if keys is None:
        clips[1]["inputs"]["frame_mask"][2:4] = False
    loader = DataLoader(clips, 2, num_workers=1, collate_fn=partial(pad_clips, plan_frames=True))
    for batch, first in zip(loader, (0, 2), strict=True):
        plain = pad_clips(clips[first : first + 2])["inputs"]
        expected = plan_batch(plain) if keys is None else plan_recognition(plain["keypoint"])
        plan = batch["inputs"].pop("plan")
        assert plan.indices.equal(pack_plan(expected).indices)
        assert type(plan.unpack()) is type(expected)
        assert batch["inputs"].keys() == plain.keys()


def test_the_old_name_of_the_option():
    with pytest.warns(FutureWarning, match="'count_frames' is now 'plan_frames'"):
        assert "plan" in pad_clips([packed(4)], count_frames=True)["inputs"]


def test_masked_clips_of_several_views_are_not_planned():
    with pytest.raises(UserError, match="one view and one person, got 2 views of 1"):
        pad_clips([packed(4, views=2)], plan_frames=True)


def test_one_batch_needs_one_pipeline():
    with pytest.raises(ValueError, match=r"'clip_6' has .*'keypoint'.*, but clip 'clip_5' has"):
        pad_clips([packed(5), packed(6, keys=("keypoint", "frame_inds"))])


def test_what_does_not_stack_is_named():
    with pytest.raises(ValueError, match=r"'clip_6' has 'motion' of shape \[1, 6, 49, 1, 2\]"):
        pad_clips([packed(5), packed(6, intervals=1)])


@pytest.mark.parametrize("multiple", [0, -2, 1.5])
def test_bad_multiple(multiple):
    with pytest.raises(ValueError, match=f"got {multiple}"):
        pad_clips([packed(5)], pad_to_multiple=multiple)
