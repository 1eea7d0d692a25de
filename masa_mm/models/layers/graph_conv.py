"""Spatial graph convolution on single frames."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from masa_mm.models.layers.batch_norm import RowBatchNorm, joint_batch_norm
from masa_mm.models.layers.graph_messages import cost_of_all, cost_of_distinct, distinct_messages

# Shared messages take more, smaller products: they must save this share of the multiplications.
_WORTHWHILE = 0.2


class GraphConv(nn.Module):
    """Graph convolution: ``out[w] = sum_k sum_v A[k, v, w] (W_k x[v] + b_k)``, K subsets.

    The neighbours are gathered before the weights are applied: sums over joints are cheaper on the
    (fewer) input channels, and the K weight matrices then make one matrix product. Where many
    joints hear the same or nothing, as on the star of fingers around a palm, each distinct message
    is computed once instead.

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
        self._plan()

    def _plan(self) -> None:
        """Settle how to compute, which the graph alone decides."""
        self.shares_messages = False
        if self.A.is_meta:  # a graph without numbers, until a checkpoint brings them
            return
        num_subsets, num_joints, _ = self.A.shape
        channels = self.weight.shape[1] // num_subsets, self.weight.shape[0]
        messages = [distinct_messages(subset) for subset in self.A]
        least = (1 - _WORTHWHILE) * cost_of_all(num_subsets, num_joints, channels)
        self.shares_messages = cost_of_distinct(messages, channels) < least
        self._identity = [message.is_identity for message in messages]
        for k, message in enumerate(messages):
            self.register_buffer(f"collect{k}", message.collect, persistent=False)
            self.register_buffer(f"spread{k}", message.spread, persistent=False)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._plan()  # a checkpoint may bring another graph

    def forward(self, x: Tensor) -> Tensor:
        """x [rows, V, in_channels] -> [rows, V, out_channels]."""
        combine = self._shared if self.shares_messages else self._all
        return combine(x) + self.A.sum(1).t() @ self.bias

    def _all(self, x: Tensor) -> Tensor:
        num_subsets, num_joints, _ = self.A.shape
        gather = self.A.permute(2, 0, 1).reshape(num_joints * num_subsets, num_joints)
        neighbours = torch.matmul(gather, x).view(len(x), num_joints, self.weight.shape[1])
        return F.linear(neighbours, self.weight)

    def _shared(self, x: Tensor) -> Tensor:
        out: Tensor | int = 0
        for k, weight in enumerate(self.weight.chunk(len(self.A), 1)):
            if self._identity[k]:
                out = out + F.linear(x, weight)
                continue
            collect, spread = getattr(self, f"collect{k}"), getattr(self, f"spread{k}")
            out = out + torch.matmul(spread, F.linear(torch.matmul(collect, x), weight))
        return out


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
