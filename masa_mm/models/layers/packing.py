"""Packed frames: only the visible ones of a padded batch, row after row.

A masked, absent or padded frame is then neither computed nor able to reach a visible one.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from masa_mm.frame_counts import FrameCount, count_frames


def true_places(flags: Tensor, count: int) -> Tensor:
    """Where flags, bool [M], are true: int64 [count].

    As ``flags.nonzero()``, but that has to ask the device how many there are.

    Args:
        flags (Tensor): bool [M].
        count (int): How many are true.
    """
    # What is not asked for goes to one place behind all others.
    slots = torch.where(flags, flags.cumsum(0) - 1, count)
    places = torch.arange(len(flags), device=flags.device)
    return places.new_empty(count + 1).scatter_(0, slots, places)[:count]


def neighbour_rows(visible: Tensor, reach: int, count: int | None = None) -> Tensor:
    """For each visible frame, the packed rows of the frames around it.

    Args:
        visible (Tensor): bool [N, T]; the visible frames, in this order, are the packed rows
            0..F-1.
        reach (int): Frames to either side.
        count (int, optional): F, how many are visible. The device is asked if it is not given.

    Returns:
        Tensor: int64 [F, 2 * reach + 1]; row F stands for a frame that is not visible or outside
            the clip.
    """
    count = int(visible.sum()) if count is None else count
    flags = visible.flatten()
    rows = torch.where(flags, flags.cumsum(0) - 1, count).view_as(visible)
    around = F.pad(rows, (reach, reach), value=count).unfold(1, 2 * reach + 1, 1)
    return around.flatten(0, 1).index_select(0, true_places(flags, count))


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


def find_packing(visible: Tensor, count: FrameCount | None = None) -> FramePacking:
    """Find the visible frames, bool [N, T]; the device is asked for a count that is not given."""
    count = count_frames(visible) if count is None else count
    num_slots = max(count.longest, 1)
    first = torch.arange(len(visible), device=visible.device) * num_slots
    slots = visible.cumsum(1) - 1 + first[:, None]
    rows = true_places(visible.flatten(), count.total)
    return FramePacking(rows, slots.flatten().index_select(0, rows), len(visible), num_slots)


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


def find_distinct(alike: Tensor, places: Tensor, count: int | None = None) -> DistinctRows:
    """Find equal rows: of rows alike, bool [F], those of one place, int64 [F] and 0 or more, are.

    The device is asked for ``count``, how many rows differ, if it is not given.
    """
    # What no other row has: a number below 0 of its own.
    own = -1 - torch.arange(len(places), device=places.device)
    ordered, order = torch.where(alike, places, own).sort(stable=True)
    starts = ordered != ordered.roll(1)
    # A single row, or rows that are all equal, start once all the same.
    starts[:1] = True
    count = int(starts.sum()) if count is None else count
    copy = torch.empty_like(order).scatter_(0, order, starts.cumsum(0) - 1)
    return DistinctRows(order.index_select(0, true_places(starts, count)), copy)
