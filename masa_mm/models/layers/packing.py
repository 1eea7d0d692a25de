"""Packed frames: the rows of a padded batch that are computed, one after another.

A masked, absent or padded frame is not computed and cannot influence a visible one. The plan of
:mod:`masa_mm.frame_plan` says which frames they are.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from masa_mm.frame_plan import FramePacking

# Rows whose activations fit a CPU's cache.
ROWS_PER_BLOCK = 256


def pack_frames(frames: Tensor, packing: FramePacking) -> Tensor:
    """Select the packed frames of [N, T, ...]: [F, ...]."""
    return frames.flatten(0, 1).index_select(0, packing.rows)


def unpack_frames(rows: Tensor, packing: FramePacking) -> Tensor:
    """Put rows [F, C] back in their places: [N, T, C], zeros elsewhere."""
    frames = rows.new_zeros(packing.num_clips * packing.num_frames, rows.shape[1])
    return frames.index_copy(0, packing.rows, rows).unflatten(0, (packing.num_clips, -1))


def to_slots(rows: Tensor, packing: FramePacking) -> Tensor:
    """Lay rows [F, C] out clip by clip: [N, L, C], zeros in empty slots."""
    if not packing.is_full:
        blank = rows.new_zeros(packing.num_clips * packing.num_slots, rows.shape[1])
        rows = blank.index_copy(0, packing.slots, rows)
    return rows.unflatten(0, (packing.num_clips, packing.num_slots))


def from_slots(slots: Tensor, packing: FramePacking) -> Tensor:
    """Select the rows of [N, L, C]: [F, C]."""
    rows = slots.flatten(0, 1)
    return rows if packing.is_full else rows.index_select(0, packing.slots)


def map_rows(
    function: Callable[[Tensor], Tensor], rows: Tensor, independent: bool = False
) -> Tensor:
    """Apply a function to rows, on a CPU in blocks that fit its cache where that is possible.

    Args:
        function (Callable): Maps [F, ...] to [F, ...].
        rows (Tensor): [F, ...].
        independent (bool): Each row of the result depends on that row of the input only, as in
            evaluation.
    """
    in_blocks = (
        independent
        and rows.device.type == "cpu"
        and not torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
    )
    if not in_blocks:
        return function(rows)
    return torch.cat([function(block) for block in rows.split(ROWS_PER_BLOCK)])


class RowBatchNorm(nn.BatchNorm1d):
    """:class:`torch.nn.BatchNorm1d` that accepts 0 or 1 rows [rows, channels] in training.

    A part that no clip of a batch shows leaves no rows to normalise. Such a batch is normalised by
    the running statistics and does not change them.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise [rows, channels]."""
        if self.training and input.shape[0] < 2:
            statistics = self.running_mean, self.running_var
            return F.batch_norm(input, *statistics, self.weight, self.bias, eps=self.eps)
        return super().forward(input)
