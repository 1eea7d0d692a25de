"""Temporal convolution over packed frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from masa_mm.frame_plan import TEMPORAL_REACH
from masa_mm.models.layers.packing import RowBatchNorm


class PackedTemporalConv(nn.Module):
    """Convolution over time that reads hidden frames as zeros, like those outside the clip.

    Args:
        in_channels (int): Input channels of a frame.
        out_channels (int): Output channels of a frame.
        kernel_size (int): Odd, at most ``2 * TEMPORAL_REACH + 1``.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.linear = nn.Linear(kernel_size * in_channels, out_channels)

    def forward(self, rows: Tensor, neighbours: Tensor) -> Tensor:
        """Convolve rows.

        Args:
            rows (Tensor): [F, in_channels].
            neighbours (Tensor): int64 [F, 2 * TEMPORAL_REACH + 1], see
                :func:`masa_mm.frame_plan.neighbour_rows`.

        Returns:
            Tensor: [F, out_channels].
        """
        margin = TEMPORAL_REACH - self.kernel_size // 2
        window = neighbours[:, margin : margin + self.kernel_size]
        with_blank = torch.cat([rows, rows.new_zeros(1, rows.shape[1])])
        # Not with_blank[window]: its backward adds in a varying order on several CPU threads.
        frames = with_blank.index_select(0, window.flatten())
        return self.linear(frames.view(-1, self.linear.in_features))


class TemporalBlock(nn.Module):
    """Two branches over time (kernel 5; kernels 3 and 3), merged linearly and batch-normalised.

    Args:
        in_channels (int): Input channels of a frame.
        out_channels (int): Output channels of a frame.
        branch_channels (int, optional): Channels of each branch. Defaults to half of out_channels.
    """

    def __init__(
        self, in_channels: int, out_channels: int, branch_channels: int | None = None
    ) -> None:
        super().__init__()
        branch = branch_channels or out_channels // 2
        self.wide = PackedTemporalConv(in_channels, branch, 5)
        self.narrow1 = PackedTemporalConv(in_channels, branch, 3)
        self.narrow2 = PackedTemporalConv(branch, branch, 3)
        self.merge = nn.Linear(2 * branch, out_channels)
        self.norm = RowBatchNorm(out_channels)

    def forward(self, rows: Tensor, neighbours: Tensor) -> Tensor:
        """Map rows [F, in_channels] to [F, out_channels]; neighbours are int64 [F, 5]."""
        wide = F.relu(self.wide(rows, neighbours))
        narrow = F.relu(self.narrow1(rows, neighbours))
        narrow = F.relu(self.narrow2(narrow, neighbours))
        return F.relu(self.norm(self.merge(torch.cat([wide, narrow], 1))))
