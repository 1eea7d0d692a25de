"""Spatial graph convolution on single frames."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .batch_norm import RowBatchNorm, joint_batch_norm


class GraphConv(nn.Module):
    """Graph convolution: ``out[w] = sum_k sum_v A[k, v, w] (W_k x[v] + b_k)``, K subsets.

    The neighbours are gathered before the weights are applied: sums over joints are cheaper on the
    (fewer) input channels, and the K weight matrices then make one matrix product.

    Args:
        in_channels (int): Channels of a joint on input.
        out_channels (int): Channels of a joint on output.
        adjacency (Tensor): [K, V, V], ``adjacency[k, v, w]`` weighs joint v in joint w. Kept as
            buffer ``A``.
    """

    def __init__(self, in_channels: int, out_channels: int, adjacency: Tensor) -> None:
        super().__init__()
        num_subsets = adjacency.shape[0]
        self.register_buffer("A", adjacency.clone().float())
        self.weight = nn.Parameter(torch.empty(out_channels, num_subsets * in_channels))
        self.bias = nn.Parameter(torch.empty(num_subsets, out_channels))
        bound = 1 / math.sqrt(in_channels)
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """x [rows, V, in_channels] -> [rows, V, out_channels]."""
        num_subsets, num_joints, _ = self.A.shape
        gather = self.A.permute(2, 0, 1).reshape(num_joints * num_subsets, num_joints)
        neighbours = torch.matmul(gather, x).view(len(x), num_joints, self.weight.shape[1])
        return F.linear(neighbours, self.weight) + self.A.sum(1).t() @ self.bias


class GraphBlock(nn.Module):
    """Graph convolution and a joint-wise linear layer, each batch-normalised, around a residual.

    Args:
        in_channels (int): Channels of a joint on input.
        out_channels (int): Channels of a joint on output.
        adjacency (Tensor): [K, V, V], see :class:`GraphConv`.
        residual (bool): Whether to add the input (through a linear layer where the channels
            differ).
        dropout (float): Probability of dropping a channel value, after each half.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        adjacency: Tensor,
        residual: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.graph_conv = GraphConv(in_channels, out_channels, adjacency)
        self.norm1 = RowBatchNorm(out_channels)
        self.linear = nn.Linear(out_channels, out_channels)
        self.norm2 = RowBatchNorm(out_channels)
        self.dropout = nn.Dropout(dropout) if dropout > 0 else nn.Identity()
        self.shortcut = self._make_shortcut(in_channels, out_channels, residual)

    @staticmethod
    def _make_shortcut(in_channels: int, out_channels: int, residual: bool) -> nn.Module | None:
        if not residual:
            return None
        if in_channels == out_channels:
            return nn.Identity()
        return nn.ModuleDict(
            dict(linear=nn.Linear(in_channels, out_channels), norm=RowBatchNorm(out_channels))
        )

    def _residual(self, x: Tensor) -> Tensor:
        if isinstance(self.shortcut, nn.ModuleDict):
            return joint_batch_norm(self.shortcut["norm"], self.shortcut["linear"](x))
        return self.shortcut(x)

    def forward(self, x: Tensor) -> Tensor:
        """x [rows, V, in_channels] -> [rows, V, out_channels]."""
        out = F.relu(joint_batch_norm(self.norm1, self.graph_conv(x)))
        out = joint_batch_norm(self.norm2, self.linear(self.dropout(out)))
        out = self.dropout(out)
        if self.shortcut is not None:
            out = out + self._residual(x)
        return F.relu(out)
