"""Packed frames: only the visible ones of a padded batch, row after row.

A masked, absent or padded frame is then neither computed nor able to reach a visible one.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


def neighbour_rows(visible: Tensor, reach: int) -> Tensor:
    """For each visible frame, the packed rows of the frames around it.

    Args:
        visible (Tensor): bool [N, T]; the visible frames, in this order, are the packed rows
            0..F-1.
        reach (int): Frames to either side.

    Returns:
        Tensor: int64 [F, 2 * reach + 1]; row F stands for a frame that is not visible or outside
            the clip.
    """
    num_rows = visible.sum()
    rows = torch.where(visible, visible.flatten().cumsum(0).view_as(visible) - 1, num_rows)
    rows = torch.cat(
        [num_rows.expand(len(rows), reach), rows, num_rows.expand(len(rows), reach)], 1
    )
    return rows.unfold(1, 2 * reach + 1, 1)[visible]


class PackedFrames(NamedTuple):
    """Visible frames gathered to the front of each clip.

    Attributes:
        frames (Tensor): [N, L, C], L = the most visible frames of a clip; zeros behind a clip's
            last one.
        visible (Tensor): bool [N, L], which of them are real.
        index (Tensor): int64 [N, L], their places among the T frames.
    """

    frames: Tensor
    visible: Tensor
    index: Tensor


def pack_frames(frames: Tensor, visible: Tensor) -> PackedFrames:
    """Gather the visible frames of frames [N, T, C], visible bool [N, T], in their order."""
    counts = visible.sum(1)
    longest = max(int(counts.max()), 1)
    index = visible.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :longest]
    kept = torch.arange(longest, device=frames.device) < counts[:, None]
    packed = frames.gather(1, index[..., None].expand(-1, -1, frames.shape[-1]))
    return PackedFrames(packed * kept[..., None], kept, index)


def unpack_frames(packed: PackedFrames, num_frames: int) -> Tensor:
    """Put packed frames back in their places: [N, num_frames, C], zeros elsewhere."""
    frames, kept, index = packed
    out = frames.new_zeros(frames.shape[0], num_frames, frames.shape[-1])
    return out.scatter_(1, index[..., None].expand_as(frames), frames * kept[..., None])
