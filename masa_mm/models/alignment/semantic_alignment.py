"""Momentum semantic alignment of two views of a clip."""

from __future__ import annotations

import torch
from mmaction.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from masa_mm.errors import UserError
from masa_mm.models.alignment.memory_bank import MemoryBank
from masa_mm.models.layers.pooling import build_pooling
from masa_mm.models.losses.info_nce import info_nce, info_nce_logits
from masa_mm.models.losses.motion_loss import mean_over_ranks
from masa_mm.pose.skeleton import PARTS


class Projector(nn.Sequential):
    """Pooling of the frames seen, an MLP and L2 normalisation (MASA, section III-C).

    Args:
        in_channels (int): Width of a frame.
        hidden_channels (int): Hidden width.
        out_channels (int): Width of the feature.
        pooling (str | dict): As :class:`~masa_mm.models.MASAHead` takes it.

    Raises:
        UserError: If in_channels is not that of three parts.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        pooling: str | dict = "average",
    ) -> None:
        if in_channels % len(PARTS):
            raise UserError(
                f"SemanticAlignment: in_channels must be {len(PARTS)} x a part's, got {in_channels}"
            )
        pooling = build_pooling(pooling, in_channels // len(PARTS), len(PARTS))
        super().__init__(
            nn.Linear(pooling.out_channels, hidden_channels),
            nn.ReLU(),
            nn.Linear(hidden_channels, out_channels),
        )
        # After the layers, so that theirs stay the names 0 and 2 in checkpoints.
        self.pooling = pooling

    def project(self, frames: Tensor, seen: Tensor) -> Tensor:
        """frames [N, T, C], seen bool [N, T, 3] -> [N, out_channels], not yet normalised."""
        hidden, activation, out, pooling = self
        return out(activation(hidden(pooling(frames, seen))))

    def forward(self, frames: Tensor, seen: Tensor) -> Tensor:
        """frames [N, T, C], seen bool [N, T, 3] -> [N, out_channels] of length 1."""
        return F.normalize(self.project(frames, seen).float(), dim=-1)


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
        pooling (str | dict): From frames to a clip, as :class:`~masa_mm.models.MASAHead` takes it.
        exclude_own (bool): Leave a clip's own older keys out of its negatives.

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
        pooling: str | dict = "average",
        exclude_own: bool = True,
    ) -> None:
        super().__init__()
        if temperature <= 0:
            raise UserError(f"SemanticAlignment: temperature must be positive, got {temperature}")
        self.projector = Projector(in_channels, hidden_channels, out_channels, pooling)
        self.bank = MemoryBank(out_channels, bank_length, exclude_own)
        self.temperature = temperature
        self.loss_weight = loss_weight
        # Held by the device: a number of Python's, another in every step, would be compiled in.
        self.register_buffer("_warmup", torch.ones(()), persistent=False)
        self.warmup = 1.0

    @property
    def warmup(self) -> float:
        """The share of ``loss_weight`` that is in force."""
        return self._share

    @warmup.setter
    def warmup(self, share: float) -> None:
        self._share = share
        self._warmup.fill_(share)

    def forward(self, query: Tensor, key: Tensor, clip_ids: Tensor) -> dict[str, Tensor]:
        """Compare queries with their keys.

        Args:
            query (Tensor): [N, out_channels], with gradients.
            key (Tensor): [N, out_channels], without.
            clip_ids (Tensor): int64 [N], which clip each row is of.

        Returns:
            dict: ``loss_align``, weighted, whose mean over processes is that of all clips, and
                ``align_acc``, the share of queries nearest to their own key.
        """
        # A copy: this batch's keys are written into the bank before the backward pass reads it.
        bank = self.bank.keys.clone()
        negatives = self.bank.is_negative(clip_ids)
        logits = info_nce_logits(query, key, bank, negatives, self.temperature)
        with torch.no_grad():
            accuracy = (logits.argmax(1) == 0).float().mean()
        weight = self.loss_weight * self._warmup.float() * share_of_mean(logits)
        return dict(loss_align=weight * info_nce(logits), align_acc=accuracy)


def share_of_mean(rows: Tensor) -> Tensor:
    """Rows [N, ...] of this process over the mean N of all processes.

    With it as a factor, the processes' means average to the mean of all rows, however they are
    split among them.
    """
    count = torch.full((), len(rows), dtype=torch.float32, device=rows.device)
    return count / mean_over_ranks(count)
