"""Pooling of the frames of a clip into one vector."""

from __future__ import annotations

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from masa_mm.deprecation import moved_options
from masa_mm.errors import UserError
from masa_mm.option_checks import checked_options, whole

# Short names that configs may use.
_SHORT_NAMES = dict(average="AveragePooling", learned="LearnedPooling")


def average_frames(frames: Tensor, visible: Tensor) -> Tensor:
    """Average the visible ones of frames [N, T, C], visible bool [N, T]: [N, C]; 0 for none."""
    weight = visible[..., None].to(frames.dtype)
    return (frames * weight).sum(1) / weight.sum(1).clamp(min=1)


def weighted_sum(frames: Tensor, score: Tensor, valid: Tensor) -> Tensor:
    """Sum valid frames [N, T, C], weighted by the softmax over T of score [N, T, 1]: [N, C]."""
    return (score.masked_fill(~valid[..., None], -1e4).softmax(1) * frames).sum(1)


@MODELS.register_module()
@checked_options(
    channels=whole(1),
    num_parts=whole(1),
)
class AveragePooling(nn.Module):
    """Mean over the frames in which a part is seen, the parts concatenated (MASA, section III-C).

    Args:
        channels (int): Width of a part.
        num_parts (int): Parts of a frame.
    """

    def __init__(self, channels: int, num_parts: int) -> None:
        super().__init__()
        self.out_channels = channels * num_parts

    def forward(self, frames: Tensor, seen: Tensor) -> Tensor:
        """Pool frames [N, T, P * C], seen bool [N, T, P]: [N, P * C]."""
        return average_frames(frames, seen.any(-1))


@MODELS.register_module()
@moved_options(MODELS, "ReferencePooling", "every_body_frame")
@checked_options(
    channels=whole(1),
    num_parts=whole(1),
)
class LearnedPooling(BaseModule):
    """Sum of a softmax-weighted mean over hand frames and another over body frames.

    Args:
        channels (int): Width of a part.
        num_parts (int): Must be 3: right hand, left hand and body.
        init_cfg (dict, optional): Initialisation; ``dict(type='StrictPretrained', checkpoint=...,
            prefix='alignment.projector.pooling.')`` loads the pooling of a pretraining.

    Raises:
        UserError: If num_parts is not 3.
    """

    def __init__(self, channels: int, num_parts: int, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if num_parts != 3:
            raise UserError(
                f"{type(self).__name__} pools right hand, left hand and body, got {num_parts} parts"
            )
        self.hand_score = nn.Linear(channels, 1)
        self.body_score = nn.Linear(channels, 1)
        self.out_channels = channels

    def forward(self, frames: Tensor, seen: Tensor) -> Tensor:
        """Pool frames [N, T, 3 * C], seen bool [N, T, 3]: [N, C]."""
        parts = frames.unflatten(-1, (3, self.out_channels))
        return self.pool_hands(parts, seen) + self.pool_body(parts, seen)

    def pool_hands(self, parts: Tensor, seen: Tensor) -> Tensor:
        """Pool both hands of parts [N, T, 3, C] under one softmax: [N, C]."""
        hands = parts[:, :, :2].transpose(1, 2).flatten(1, 2)
        valid = torch.cat([seen[..., 0], seen[..., 1]], 1)
        return weighted_sum(hands, self.hand_score(hands), valid)

    def pool_body(self, parts: Tensor, seen: Tensor) -> Tensor:
        """Pool the body of parts [N, T, 3, C]: [N, C]."""
        body = parts[:, :, 2]
        return weighted_sum(body, self.body_score(body), seen[..., 2])


def build_pooling(
    pooling: str | dict, channels: int, num_parts: int
) -> AveragePooling | LearnedPooling:
    """Build a pooling from its config or from its short name, 'average' or 'learned'.

    Raises:
        UserError: If there is no such short name.
    """
    if isinstance(pooling, str):
        if pooling not in _SHORT_NAMES:
            raise UserError(f"pooling must be one of {', '.join(_SHORT_NAMES)}, got {pooling!r}")
        pooling = dict(type=_SHORT_NAMES[pooling])
    return MODELS.build(dict(pooling), default_args=dict(channels=channels, num_parts=num_parts))
