"""Momentum semantic alignment of two views of a clip."""

from __future__ import annotations

import torch
from mmaction.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import UserError
from ..losses.info_nce import info_nce, info_nce_logits
from .memory_bank import MemoryBank


def average_frames(frames: Tensor, visible: Tensor) -> Tensor:
    """Mean of the visible ones of frames [N, T, C], visible bool [N, T] -> [N, C]; 0 for none."""
    weight = visible[..., None].to(frames.dtype)
    return (frames * weight).sum(1) / weight.sum(1).clamp(min=1)


class Projector(nn.Sequential):
    """Average over visible frames, an MLP and L2 normalisation (MASA, section III-C).

    Args:
        in_channels (int): Width of a frame.
        hidden_channels (int): Hidden width.
        out_channels (int): Width of the feature.
    """

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Linear(in_channels, hidden_channels),
            nn.ReLU(),
            nn.Linear(hidden_channels, out_channels),
        )

    def forward(self, frames: Tensor, visible: Tensor) -> Tensor:
        """frames [N, T, C], visible bool [N, T] -> [N, out_channels] of length 1."""
        return F.normalize(super().forward(average_frames(frames, visible)).float(), dim=-1)


@MODELS.register_module()
class SemanticAlignment(nn.Module):
    """InfoNCE between the query view and the key view of a clip, against a bank of older keys.

    Args:
        in_channels (int): Width of the encoder's frames.
        hidden_channels (int): Hidden width of the projector.
        out_channels (int): Width of the projected feature.
        temperature (float): tau.
        bank_length (int): K, the number of older keys.
        loss_weight (float): lambda_s; :class:`~masa_mm.engine.MomentumAlignmentHook` lets it rise
            from 0 by ``warmup``, the share of it that is in force.

    Raises:
        ValueError: If temperature is not positive.
    """

    def __init__(
        self,
        in_channels: int = 1536,
        hidden_channels: int = 512,
        out_channels: int = 128,
        temperature: float = 0.07,
        bank_length: int = 6144,
        loss_weight: float = 0.05,
    ) -> None:
        super().__init__()
        if temperature <= 0:
            raise UserError(f"SemanticAlignment: temperature must be positive, got {temperature}")
        self.projector = Projector(in_channels, hidden_channels, out_channels)
        self.bank = MemoryBank(out_channels, bank_length)
        self.temperature = temperature
        self.loss_weight = loss_weight
        self.warmup = 1.0

    def forward(self, query: Tensor, key: Tensor, clip_ids: Tensor) -> dict[str, Tensor]:
        """Compare queries with their keys.

        Args:
            query (Tensor): [N, out_channels], with gradients.
            key (Tensor): [N, out_channels], without.
            clip_ids (Tensor): int64 [N], which clip each row is of.

        Returns:
            dict: ``loss_align``, weighted, and ``align_acc``, the share of queries nearest to their
                own key.
        """
        # A copy: this batch's keys are written into the bank before the backward pass reads it.
        bank = self.bank.keys.clone()
        negatives = self.bank.is_negative(clip_ids)
        logits = info_nce_logits(query, key, bank, negatives, self.temperature)
        with torch.no_grad():
            accuracy = (logits.argmax(1) == 0).float().mean()
        weight = self.loss_weight * self.warmup
        return dict(loss_align=weight * info_nce(logits), align_acc=accuracy)
