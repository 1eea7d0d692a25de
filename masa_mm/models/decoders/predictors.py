"""From a decoded frame to the motion of its joints."""

from __future__ import annotations

import torch
from mmaction.registry import MODELS
from torch import Tensor, nn

from masa_mm.errors import UserError
from masa_mm.pose.skeleton import BODY, NUM_JOINTS, PARTS, RIGHT_HAND


def start_at_rest(last: nn.Linear) -> None:
    """Motion is a few hundredths of a crop side: start from none rather than from a random leap."""
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)


@MODELS.register_module()
class FramePredictor(nn.Sequential):
    """An MLP from a frame to the motion of all its joints (MASA, section III-B).

    Args:
        in_channels (int): Width of a frame.
        hidden_channels (int): Hidden width.
        num_intervals (int): Motion intervals predicted.
    """

    def __init__(self, in_channels: int, hidden_channels: int, num_intervals: int) -> None:
        super().__init__(
            nn.Linear(in_channels, hidden_channels),
            nn.ReLU(),
            nn.Linear(hidden_channels, NUM_JOINTS * num_intervals * 2),
        )
        start_at_rest(self[-1])


@MODELS.register_module()
class PartPredictor(nn.Module):
    """An MLP for the hands and another for the body, each on its part of the frame.

    That of the authors' release, whose MLPs end in a ReLU: it cannot predict motion to the left or
    up.

    Args:
        in_channels (int): Width of a frame, three parts side by side.
        hidden_channels (int): Hidden width.
        num_intervals (int): Motion intervals predicted.
        rectify (bool): End in a ReLU.

    Raises:
        UserError: If in_channels is not that of three parts.
    """

    def __init__(
        self, in_channels: int, hidden_channels: int, num_intervals: int, rectify: bool = False
    ) -> None:
        super().__init__()
        if in_channels % len(PARTS):
            raise UserError(
                f"PartPredictor: in_channels must be {len(PARTS)} x a part's, got {in_channels}"
            )

        def mlp(num_joints: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Linear(in_channels // len(PARTS), hidden_channels),
                nn.ReLU(),
                nn.Linear(hidden_channels, num_joints * num_intervals * 2),
                nn.ReLU() if rectify else nn.Identity(),
            )

        self.hand = mlp(RIGHT_HAND.num_joints)
        self.body = mlp(BODY.num_joints)
        # Behind a ReLU, rest has no gradient to leave it by.
        if not rectify:
            start_at_rest(self.hand[2])
            start_at_rest(self.body[2])

    def forward(self, frames: Tensor) -> Tensor:
        """frames [..., in_channels] -> [..., 49 * num_intervals * 2]."""
        right, left, body = frames.chunk(len(PARTS), -1)
        return torch.cat([self.hand(right), self.hand(left), self.body(body)], -1)
