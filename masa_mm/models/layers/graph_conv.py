"""Spatial graph convolution on single frames."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from masa_mm.models.layers.packing import RowBatchNorm


class GraphConv(nn.Module):
    """Graph convolution: ``out[w] = sum_k sum_v A[k, v, w] (W_k x[v] + b_k)``, K subsets.

    Neighbours are summed before the weights are applied: sums over joints are cheaper on the
    (fewer) input channels, and the K weight matrices then form one matrix product.

    Args:
        in_channels (int): Input channels of a joint.
        out_channels (int): Output channels of a joint.
        adjacency (Tensor): [K, V, V], ``adjacency[k, v, w]`` weighs joint v in joint w. Kept as
            buffer ``A``.
    """

    A: Tensor

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
        """Map x [rows, V, in_channels] to [rows, V, out_channels]."""
        num_subsets, num_joints, _ = self.A.shape
        gather = self.A.permute(2, 0, 1).reshape(num_joints * num_subsets, num_joints)
        neighbours = torch.matmul(gather, x).view(len(x), num_joints, self.weight.shape[1])
        return F.linear(neighbours, self.weight) + self.A.sum(1).t() @ self.bias


class GraphBlock(nn.Module):
    """Graph convolution and a joint-wise linear layer, each batch-normalised, around a residual.

    Args:
        in_channels (int): Input channels of a joint.
        out_channels (int): Output channels of a joint.
        adjacency (Tensor): [K, V, V], see :class:`GraphConv`.
        residual (bool): Add the input, through a linear layer where the channels differ.
        dropout (float): Dropout after each half.
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
        self.shortcut: nn.Module | None = None
        if residual:
            self.shortcut = nn.Identity()
            if in_channels != out_channels:
                self.shortcut = Shortcut(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [rows, V, in_channels] to [rows, V, out_channels]."""
        out = F.relu(joint_batch_norm(self.norm1, self.graph_conv(x)))
        out = joint_batch_norm(self.norm2, self.linear(self.dropout(out)))
        out = self.dropout(out)
        if self.shortcut is not None:
            out = out + self.shortcut(x)
        return F.relu(out)


class Shortcut(nn.Module):
    """Batch-normalised linear layer around a block whose channels change."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_channels, out_channels)
        self.norm = RowBatchNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [rows, V, in_channels] to [rows, V, out_channels]."""
        return joint_batch_norm(self.norm, self.linear(x))


def joint_batch_norm(norm: nn.Module, x: Tensor) -> Tensor:
    """Apply a channel-wise batch norm to x [rows, joints, channels]."""
    return norm(x.flatten(0, 1)).view_as(x)
