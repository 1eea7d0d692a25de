"""What the authors' release does differently around its encoder and decoder."""

from __future__ import annotations

from typing import Any

import torch
from mmaction.registry import MODELS
from mmengine import dist
from torch import Tensor, nn

from masa_mm.models.alignment import MomentumEncoder
from masa_mm.models.layers.pooling import LearnedPooling, weighted_sum
from masa_mm.models.losses.motion_loss import MotionLoss, by_coordinate, mean_over_ranks
from masa_mm.models.recognizers.masa import MASA
from masa_mm.pose.skeleton import PARTS


class OwnStatisticsEncoder(MomentumEncoder):
    """A :class:`MomentumEncoder` whose BatchNorm statistics are those of its own batches.

    It trains and evaluates with the model.
    """

    def train(self, mode: bool = True) -> OwnStatisticsEncoder:
        """Set the training mode."""
        nn.Module.train(self, mode)
        return self

    def update_statistics(self, model: nn.Module) -> None:
        """Leave the statistics as they are."""


@MODELS.register_module()
class ReferenceMASA(MASA):
    """:class:`MASA` whose momentum copy has BatchNorm statistics of its own.

    Args:
        *args: See :class:`MASA`.
        average_statistics (bool): Average the query branch's statistics instead, as MASA does.
        **kwargs: See :class:`MASA`.
    """

    def __init__(self, *args: Any, average_statistics: bool = False, **kwargs: Any) -> None:
        self._average_statistics = average_statistics
        super().__init__(*args, **kwargs)

    def make_key_encoder(self, branch: nn.Module, momentum: float) -> MomentumEncoder:
        """Make the momentum copy of the query branch."""
        kind = MomentumEncoder if self._average_statistics else OwnStatisticsEncoder
        return kind(branch, momentum)


@MODELS.register_module()
class ReferencePooling(LearnedPooling):
    """A :class:`LearnedPooling` that weighs all frames of the body, masked ones and padding too.

    Args:
        *args: See :class:`LearnedPooling`.
        every_body_frame (bool): False weighs those in which the body is seen.
        **kwargs: See :class:`LearnedPooling`.
    """

    def __init__(self, *args: Any, every_body_frame: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.every_body_frame = every_body_frame

    def pool_body(self, parts: Tensor, seen: Tensor) -> Tensor:
        """Pool the body of parts [N, T, 3, C]: [N, C]."""
        body, valid = parts[:, :, 2], seen[..., 2]
        if self.every_body_frame:
            valid = torch.ones_like(valid)
        return weighted_sum(body, self.body_score(body), valid)


@MODELS.register_module()
class PartMotionLoss(MotionLoss):
    """The motion loss of the authors' release: a mean per part, and their sum.

    Each part's error is divided by its masked frames x joints + 1, whether or not a joint is
    supervised. Masked frames are those of all processes, so the loss of a batch does not depend on
    how it is split among them.

    Args:
        norm (str): 'l1' (the release) or 'l2'.
        unit (float): Crop pixels per unit of motion; the release predicts crop pixels.
        loss_weight (float): Factor of the result; the release has 10.
    """

    def __init__(self, norm: str = "l1", unit: float = 1.0, loss_weight: float = 10.0) -> None:
        super().__init__(norm=norm, unit=unit, loss_weight=loss_weight)

    def forward(self, predicted: Tensor, motion: Tensor, weight: Tensor, masked: Tensor) -> Tensor:
        """Sum the losses of :meth:`by_part`."""
        return self.by_part(predicted, motion, weight, masked).sum()

    def by_part(self, predicted: Tensor, motion: Tensor, weight: Tensor, masked: Tensor) -> Tensor:
        """Compute the losses of right hand, left hand and body, [3]; arguments as for the sum."""
        weight = by_coordinate(weight, motion) * masked[..., None, None]
        error = self.error(predicted, motion, weight)
        errors = torch.stack([error[:, :, part.joints].sum() for part in PARTS])
        counts = torch.stack([masked[..., part.joints].sum() for part in PARTS]).float()
        # Masked joints of all processes plus 1, divided among the processes.
        counts = mean_over_ranks(counts) + 1 / dist.get_world_size()
        return self.loss_weight * (errors / counts) / motion.shape[-2]
