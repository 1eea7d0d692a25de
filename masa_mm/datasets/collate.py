"""Collation of packed clips into a padded batch, in the loader's worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.registry import FUNCTIONS

from masa_mm.deprecation import warn_deprecated
from masa_mm.errors import UserError
from masa_mm.frame_plan import PackedPlan, pack_plan, plan_batch, plan_recognition
from masa_mm.option_checks import whole
from masa_mm.structures import SignDataSamples


@FUNCTIONS.register_module()
def pad_clips(
    batch: Sequence[dict],
    pad_to_multiple: int = 1,
    plan_frames: bool = False,
    count_frames: bool | None = None,
) -> dict:
    """Stack clips of different lengths, padded at the end to the batch's longest.

    Padding is zero, thus score 0; frame numbers are -1 there and masks are False. In a config:
    ``collate_fn=dict(type='pad_clips')``.

    Args:
        batch (sequence of dict): N clips from :class:`PackSignInputs`.
        pad_to_multiple (int): Round the padded length up to a multiple of this, for fewer
            different shapes.
        plan_frames (bool): Build the frame plan here, in the worker, so that a training step never
            waits for its GPU. For :class:`~masa_mm.models.MASA` and, with a
            :class:`~masa_mm.models.MASAEncoder`, :class:`~masa_mm.models.SignRecognizer`.
        count_frames (bool, optional): Deprecated name of ``plan_frames``.

    Returns:
        dict: ``inputs``, a dict of tensors keypoint float32 [N, num_clips, 1, T, V, 3], frame_inds
        int64 [N, num_clips * T] and, where the clips have them, motion [N, T, V, K, 2],
        motion_weight [N, T, V, K] or [N, T, V, K, 2], frame_mask bool [N, T, 3], key_keypoint
        [N, 1, 1, T', V, 3], key_frame_inds [N, T'], key_frame_mask bool [N, T', 3] and, with
        ``plan_frames``, plan, a :class:`~masa_mm.frame_plan.PackedPlan`;
        ``data_samples``, a :class:`SignDataSamples`.

    Raises:
        UserError: If an argument is invalid, or clips differ in more than their length.
    """
    if count_frames is not None:
        warn_deprecated("pad_clips: option 'count_frames' is now 'plan_frames'")
        plan_frames = count_frames
    whole(1).check("pad_clips: pad_to_multiple", pad_to_multiple)
    keys = batch[0]["inputs"].keys()
    for clip in batch:
        if clip["inputs"].keys() != keys:
            raise UserError(
                f"pad_clips: clip {_name(clip)} has {sorted(clip['inputs'])}, but clip "
                f"{_name(batch[0])} has {sorted(keys)}: all clips of a batch need one pipeline"
            )
    inputs: dict[str, Any] = {key: _pad_and_stack(batch, key, pad_to_multiple) for key in keys}
    if plan_frames:
        inputs["plan"] = _plan(inputs)
    return dict(
        inputs=inputs,
        data_samples=SignDataSamples(
            labels=torch.tensor([clip["label"] for clip in batch]),
            clip_ids=torch.tensor([clip["clip_id"] for clip in batch]),
            metas=[clip["meta"] for clip in batch],
        ),
    )


def _plan(inputs: dict[str, torch.Tensor]) -> PackedPlan:
    """Plan a batch of pretraining, which has masks, or of recognition."""
    if "frame_mask" not in inputs:
        return pack_plan(plan_recognition(inputs["keypoint"]))
    views = inputs["keypoint"].shape[1:3]
    if views != (1, 1):
        raise UserError(
            f"pad_clips: plan_frames=True needs masked clips of one view and one person, got "
            f"{views[0]} views of {views[1]}: use num_clips=1 in the sampling transform"
        )
    return pack_plan(plan_batch(inputs))


def _pad_and_stack(batch: Sequence[dict], key: str, pad_to_multiple: int) -> torch.Tensor:
    # The axis of frames: keypoints are [views, persons, T, joints, 3], all others [views, T, ...].
    axis = 2 if key.endswith("keypoint") else 1
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
    stacked = np.zeros(shape, first.dtype)
    if key.endswith("frame_inds"):
        stacked -= 1
    for row, array in zip(stacked, arrays, strict=True):
        real = (*(slice(None),) * axis, slice(array.shape[axis]))
        row[real] = array
    if not key.endswith("keypoint"):
        stacked = stacked.reshape(len(batch), -1, *first.shape[axis + 1 :])
    return torch.from_numpy(stacked)


def _in_views(inputs: dict, key: str) -> np.ndarray:
    """Return the array with an axis of views first; only keypoints have one in a packed clip."""
    array = inputs[key]
    if key.endswith("keypoint"):
        return array
    views = 1 if key.startswith("key_") else len(inputs["keypoint"])
    return array.reshape(views, -1, *array.shape[1:])


def _name(clip: dict) -> str:
    return repr(clip["meta"].get("frame_dir", "(unnamed)"))
