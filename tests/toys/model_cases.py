"""Seeded inputs of the motion losses, and a module for momentum copies."""

import torch
from torch import nn


def random_case(seed, clips=2, frames=4, joints=5, intervals=2, level="frame"):
    generator = torch.Generator().manual_seed(seed)
    shape = clips, frames, joints, intervals
    predicted = 0.05 * torch.randn(*shape, 2, generator=generator)
    motion = 10 * torch.randn(*shape, 2, generator=generator)
    weight = torch.rand(shape, generator=generator)
    weight[torch.rand(shape, generator=generator) < 0.3] = 0
    masked = torch.rand(clips, frames, 1, generator=generator) < 0.5
    masked = masked.repeat(1, 1, joints)
    if level == "part":
        masked[..., :2] = torch.rand(clips, frames, 1, generator=generator) < 0.5
    return predicted, motion, weight, masked


def make_module():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def move(module, amount=1.0):
    """Put every weight and running statistic elsewhere."""
    for value in module.state_dict().values():
        if value.dtype.is_floating_point:
            value.add_(amount)
