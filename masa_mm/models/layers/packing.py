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


class FramePacking(NamedTuple):
    """Where the visible frames of a padded batch lie, found once and used by all that follows.

    Attributes:
        rows (Tensor): int64 [F], their places among the N * T frames, in their order.
        slots (Tensor): int64 [F], their places among N * L slots, where each clip's visible frames
            are moved to its front.
        num_clips (int): N.
        num_slots (int): L, the most visible frames of a clip, at least 1.
    """

    rows: Tensor
    slots: Tensor
    num_clips: int
    num_slots: int

    @property
    def is_full(self) -> bool:
        """Whether no slot is empty; rows and slots are then the same."""
        return len(self.slots) == self.num_clips * self.num_slots


def find_packing(visible: Tensor) -> FramePacking:
    """Find the visible frames, bool [N, T]."""
    num_slots = max(int(visible.sum(1).max()), 1)
    first = torch.arange(len(visible), device=visible.device) * num_slots
    slots = visible.cumsum(1) - 1 + first[:, None]
    rows = visible.flatten().nonzero().flatten()
    return FramePacking(rows, slots.flatten()[rows], len(visible), num_slots)


def pack_frames(frames: Tensor, packing: FramePacking) -> Tensor:
    """The visible ones of frames [N, T, ...]: [F, ...]."""
    return frames.flatten(0, 1).index_select(0, packing.rows)


def unpack_frames(rows: Tensor, packing: FramePacking, num_frames: int) -> Tensor:
    """Put rows [F, C] back in their places: [N, num_frames, C], zeros elsewhere."""
    frames = rows.new_zeros(packing.num_clips * num_frames, rows.shape[1])
    return frames.index_copy(0, packing.rows, rows).unflatten(0, (-1, num_frames))


def to_slots(rows: Tensor, packing: FramePacking) -> Tensor:
    """Lay rows [F, C] out clip by clip: [N, L, C], zeros in empty slots."""
    if not packing.is_full:
        blank = rows.new_zeros(packing.num_clips * packing.num_slots, rows.shape[1])
        rows = blank.index_copy(0, packing.slots, rows)
    return rows.unflatten(0, (packing.num_clips, packing.num_slots))


def from_slots(slots: Tensor, packing: FramePacking) -> Tensor:
    """Take the rows out of [N, L, C] again: [F, C]."""
    rows = slots.flatten(0, 1)
    return rows if packing.is_full else rows.index_select(0, packing.slots)


def rows_within(packing: FramePacking, inner: FramePacking) -> Tensor:
    """Where the rows of a packing of fewer frames are among those of a packing, int64 [F']."""
    return torch.searchsorted(packing.rows, inner.rows)


class DistinctRows(NamedTuple):
    """Rows that are equal, each once.

    Attributes:
        first (Tensor): int64 [D], rows of which no two are known to be equal.
        copy (Tensor): int64 [F], which of these each row equals.
    """

    first: Tensor
    copy: Tensor


def find_distinct(alike: Tensor, places: Tensor) -> DistinctRows:
    """Find equal rows: of rows alike, bool [F], those of one place, int64 [F], are equal."""
    own, others = (~alike).nonzero().flatten(), alike.nonzero().flatten()
    found, which = places[others].unique(return_inverse=True)
    # Of several rows of a place any will do.
    first = others.new_zeros(len(found)).scatter_(0, which, others)
    copy = torch.empty_like(places)
    copy[own] = torch.arange(len(own), device=own.device)
    copy[others] = len(own) + which
    return DistinctRows(torch.cat([own, first]), copy)
