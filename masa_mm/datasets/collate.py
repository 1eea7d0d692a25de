"""From packed clips to a batch, once, in the worker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.registry import FUNCTIONS

from masa_mm.errors import UserError
from masa_mm.frame_counts import count_batch
from masa_mm.structures import SignDataSamples

# How many axes of a clip's array, split into views, come before the frames.
# Flat arrays are [views * T, ...]; the joints are [views, persons, T, joints, 3] already.
_AXES_BEFORE_FRAMES = dict(
    keypoint=2,
    frame_inds=1,
    motion=1,
    motion_weight=1,
    frame_mask=1,
    key_keypoint=2,
    key_frame_inds=1,
    key_frame_mask=1,
)
_PADDING = dict(frame_inds=-1, key_frame_inds=-1)


@FUNCTIONS.register_module()
def pad_clips(batch: Sequence[dict], pad_to_multiple: int = 1, count_frames: bool = False) -> dict:
    """Stack clips of different lengths, padded at the end to the batch's longest.

    Padding is zero, thus score 0 everywhere, which is how every module knows it; frame numbers are
    -1 there and masks are False. In a config: ``collate_fn=dict(type='pad_clips')``.

    Args:
        batch (sequence of dict): N clips from :class:`PackSignInputs`.
        pad_to_multiple (int): round the padded length up to a multiple of this, for fewer
            different shapes on a device that likes them.
        count_frames (bool): Count the frames of each view and mask here, in the worker, so that
            :class:`~masa_mm.models.MASA` need not wait for its device to count them. For clips with
            ``frame_mask``, of one view.

    Returns:
        dict: ``inputs``, a dict of tensors keypoint float32 [N, num_clips, 1, T, V, 3], frame_inds
        int64 [N, num_clips * T] and, where the clips have them, motion [N, T, V, K, 2],
        motion_weight [N, T, V, K] or [N, T, V, K, 2], frame_mask bool [N, T, 3], key_keypoint
        [N, 1, 1, T', V, 3], key_frame_inds [N, T'], key_frame_mask bool [N, T', 3] and, with
        ``count_frames``, counts, a :class:`~masa_mm.frame_counts.BatchCounts`;
        ``data_samples``, a :class:`SignDataSamples`.

    Raises:
        ValueError: a bad argument, or clips that differ in more than their length.
    """
    if pad_to_multiple != int(pad_to_multiple) or pad_to_multiple < 1:
        raise UserError(
            f"pad_clips: pad_to_multiple must be a whole number above 0, got {pad_to_multiple!r}"
        )
    keys = batch[0]["inputs"].keys()
    for clip in batch:
        if clip["inputs"].keys() != keys:
            raise UserError(
                f"pad_clips: clip {_name(clip)} has {sorted(clip['inputs'])}, but clip "
                f"{_name(batch[0])} has {sorted(keys)}: one batch needs one pipeline"
            )
    inputs = {key: _pad_and_stack(batch, key, pad_to_multiple) for key in keys}
    if count_frames:
        _require_one_masked_view(inputs)
        inputs["counts"] = count_batch(inputs)
    return dict(
        inputs=inputs,
        data_samples=SignDataSamples(
            labels=torch.tensor([clip["label"] for clip in batch]),
            clip_ids=torch.tensor([clip["clip_id"] for clip in batch]),
            metas=[clip["meta"] for clip in batch],
        ),
    )


def _require_one_masked_view(inputs: dict[str, torch.Tensor]) -> None:
    if "frame_mask" not in inputs or inputs["keypoint"].shape[1:3] != (1, 1):
        raise UserError(
            "pad_clips: count_frames=True is for pretraining, whose clips have one view and a "
            "frame_mask: add MotionAwareMasking to the pipeline, or leave count_frames away"
        )


def _pad_and_stack(batch: Sequence[dict], key: str, pad_to_multiple: int) -> torch.Tensor:
    axis = _AXES_BEFORE_FRAMES[key]
    arrays = [_in_views(clip["inputs"], key) for clip in batch]
    first = arrays[0]
    rest = first.shape[:axis], first.shape[axis + 1 :], first.dtype
    for clip, array in zip(batch, arrays, strict=True):
        if (array.shape[:axis], array.shape[axis + 1 :], array.dtype) != rest:
            raise UserError(
                f"pad_clips: clip {_name(clip)} has {key!r} of shape {list(array.shape)} "
                f"({array.dtype}), which does not stack with {list(first.shape)} ({first.dtype}) "
                f"of clip {_name(batch[0])}"
            )
    longest = max(array.shape[axis] for array in arrays)
    frames = -(-longest // pad_to_multiple) * pad_to_multiple
    shape = (len(batch), *first.shape[:axis], frames, *first.shape[axis + 1 :])
    stacked = (
        np.full(shape, _PADDING[key], first.dtype)
        if key in _PADDING
        else np.zeros(shape, first.dtype)
    )
    before = (slice(None),) * axis
    for row, array in zip(stacked, arrays, strict=True):
        row[(*before, slice(array.shape[axis]))] = array
    if not key.endswith("keypoint"):
        stacked = stacked.reshape(len(batch), -1, *first.shape[axis + 1 :])
    return torch.from_numpy(stacked)


def _in_views(inputs: dict, key: str) -> np.ndarray:
    """The array with an axis of views first, as :data:`_AXES_BEFORE_FRAMES` counts."""
    array = inputs[key]
    if key.endswith("keypoint"):
        return array
    views = 1 if key.startswith("key_") else len(inputs["keypoint"])
    return array.reshape(views, -1, *array.shape[1:])


def _name(clip: dict) -> str:
    return repr(clip["meta"].get("frame_dir", "(unnamed)"))
