"""Which messages a graph convolution has to compute: those that differ."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Messages(NamedTuple):
    """A subset of a graph, factored: ``A[v, w] = sum_d collect[d, v] spread[w, d]``.

    Joints that hear the same (five fingers, each from the palm alone) share one message; those that
    hear nothing have none.

    Attributes:
        collect (Tensor): [D, V], what goes into each message.
        spread (Tensor): [V, D] of 0 and 1, who hears it.
    """

    collect: Tensor
    spread: Tensor

    @property
    def is_identity(self) -> bool:
        """Whether every joint just hears itself."""
        eye = torch.eye(len(self.spread), device=self.spread.device, dtype=self.spread.dtype)
        return self.collect.equal(eye) and self.spread.equal(eye)


def distinct_messages(adjacency: Tensor) -> Messages:
    """Factor one subset [V, V], ``adjacency[v, w]`` weighing joint v in joint w."""
    columns = [tuple(column) for column in adjacency.t().tolist()]
    distinct = list(dict.fromkeys(column for column in columns if any(column)))
    collect = adjacency.new_tensor(distinct).view(len(distinct), len(columns))
    spread = adjacency.new_tensor([[c == d for d in distinct] for c in columns])
    return Messages(collect, spread.view(len(columns), len(distinct)))


def cost_of_all(num_subsets: int, num_joints: int, channels: tuple[int, int]) -> int:
    """Multiplications a frame if every joint gets a message of every subset of its own."""
    return num_subsets * num_joints * channels[0] * (num_joints + channels[1])


def cost_of_distinct(messages: list[Messages], channels: tuple[int, int]) -> int:
    """Multiplications a frame if messages are shared."""
    cost = 0
    for message in messages:
        num_messages, num_joints = message.collect.shape
        cost += num_messages * channels[0] * channels[1]
        if not message.is_identity:
            cost += num_messages * num_joints * sum(channels)
    return cost
