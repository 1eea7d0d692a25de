"""Momentum semantic alignment of two views of a clip."""

from __future__ import annotations

from typing import Any

import torch
from mmaction.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from masa_mm.deprecation import renamed_options
from masa_mm.errors import UserError
from masa_mm.models.alignment.memory_bank import MemoryBank
from masa_mm.models.layers.pooling import build_pooling
from masa_mm.models.losses.info_nce import info_nce, info_nce_logits
from masa_mm.models.losses.motion_loss import mean_over_ranks
from masa_mm.option_checks import above, at_least, checked_options, whole
from masa_mm.pose.skeleton import PARTS

# In checkpoints of release 0.1 the layers of the projector are numbers.
_OLD_LAYERS = {"0.": "hidden.", "2.": "out."}


class Projector(nn.Module):
    """Pooling of the frames seen, an MLP and L2 normalisation (MASA, section III-C).

    Args:
        in_channels (int): Width of a frame.
        hidden_channels (int): Hidden width.
        out_channels (int): Width of the feature.
        pooling (str | dict): As :class:`~masa_mm.models.MASAHead` takes it.

    Raises:
        UserError: If in_channels is not divisible by the number of parts.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        pooling: str | dict = "average",
    ) -> None:
        super().__init__()
        if in_channels % len(PARTS):
            raise UserError(
                f"SemanticAlignment: in_channels must be {len(PARTS)} x a part's, got {in_channels}"
            )
        pooling_module = build_pooling(pooling, in_channels // len(PARTS), len(PARTS))
        self.hidden = nn.Linear(pooling_module.out_channels, hidden_channels)
        self.out = nn.Linear(hidden_channels, out_channels)
        self.pooling = pooling_module

    def project(self, frames: Tensor, seen: Tensor) -> Tensor:
        """Map frames [N, T, C], seen bool [N, T, 3], to [N, out_channels], not normalised."""
        return self.out(F.relu(self.hidden(self.pooling(frames, seen))))

    def forward(self, frames: Tensor, seen: Tensor) -> Tensor:
        """Map frames [N, T, C], seen bool [N, T, 3], to [N, out_channels] of length 1."""
        return F.normalize(self.project(frames, seen).float(), dim=-1)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        for name in list(state_dict):
            for old, new in _OLD_LAYERS.items():
                if name.startswith(prefix + old):
                    state_dict[prefix + new + name[len(prefix + old) :]] = state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


@MODELS.register_module()
@renamed_options(bank_length="queue_len")
@checked_options(
    in_channels=whole(1),
    hidden_channels=whole(1),
    out_channels=whole(1),
    temperature=above(0),
    queue_len=whole(1),
    loss_weight=at_least(0),
)
class SemanticAlignment(nn.Module):
    """InfoNCE between the query view and the key view of a clip, against a bank of older keys.

    Args:
        in_channels (int): Width of the encoder's frames.
        hidden_channels (int): Hidden width of the projector.
        out_channels (int): Width of the projected feature.
        temperature (float): tau.
        queue_len (int): K, the number of older keys.
        loss_weight (float): lambda_s. :class:`~masa_mm.engine.MomentumAlignmentHook` raises it from
            0 by way of ``warmup``, the share of it in effect.
        pooling (str | dict): From frames to a clip, as :class:`~masa_mm.models.MASAHead` takes it.
        exclude_own (bool): Leave a clip's own older keys out of its negatives.

    Raises:
        UserError: If temperature is not positive.
    """

    _warmup: Tensor

    def __init__(
        self,
        in_channels: int = 1536,
        hidden_channels: int = 512,
        out_channels: int = 128,
        temperature: float = 0.07,
        queue_len: int = 6144,
        loss_weight: float = 0.05,
        pooling: str | dict = "average",
        exclude_own: bool = True,
    ) -> None:
        super().__init__()
        self.projector = Projector(in_channels, hidden_channels, out_channels, pooling)
        self.bank = MemoryBank(out_channels, queue_len, exclude_own)
        self.in_channels = in_channels
        self.temperature = temperature
        self.loss_weight = loss_weight
        # A tensor: a Python number that changes at every step would be compiled in as a constant.
        self.register_buffer("_warmup", torch.ones(()), persistent=False)
        self.warmup = 1.0

    @property
    def warmup(self) -> float:
        """The share of ``loss_weight`` in effect."""
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
            clip_ids (Tensor): int64 [N], the clip of each row.

        Returns:
            dict: ``loss_align``, weighted, whose mean over processes is the mean over all clips,
                and ``align_acc``, the share of queries that are nearest to their own key.
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
    """Divide the number of rows [N, ...] of this process by the mean N of all processes.

    With this factor, the processes' means average to the mean of all rows, however they are
    distributed.
    """
    count = torch.full((), len(rows), dtype=torch.float32, device=rows.device)
    return count / mean_over_ranks(count)
