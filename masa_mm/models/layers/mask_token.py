"""The learned vector that stands for what is masked."""

from __future__ import annotations

import torch
from torch import nn


def make_mask_token(channels: int) -> nn.Parameter:
    """A mask token [channels], small at the start."""
    token = nn.Parameter(torch.zeros(channels))
    nn.init.normal_(token, std=0.02)
    return token
