"""The motion reconstruction loss."""

from __future__ import annotations

import torch
from mmaction.registry import MODELS
from mmengine import dist
from torch import Tensor, nn

from masa_mm.errors import UserError
from masa_mm.option_checks import above, at_least, checked_options


def mean_over_ranks(value: Tensor) -> Tensor:
    """Average a tensor over all processes."""
    value = value.detach().clone()
    dist.all_reduce(value, op="mean")
    return value


def by_coordinate(weight: Tensor, motion: Tensor) -> Tensor:
    """Give weights [N, T, V, K] or [N, T, V, K, 2] an axis for the coordinates of motion."""
    return weight if weight.ndim == motion.ndim else weight[..., None]


@MODELS.register_module()
@checked_options(
    unit=above(0),
    loss_weight=at_least(0),
)
class MotionLoss(nn.Module):
    """Confidence-weighted distance of predicted and true motion (MASA, equation of L_m).

    ``L_m = 1 / |M| * sum over masked frames of || (y - m) * c_t * c_{t+k} ||^2``, in units of the
    crop side, averaged over motion intervals. |M| counts the masked frames of all processes, so the
    loss of a batch does not depend on how it is split among them.

    Args:
        norm (str): 'l2', the paper's squared distance, or 'l1', the absolute one.
        unit (float): Crop pixels per unit of motion. The default makes the crop side one unit.
        per (str): 'frame' divides by the number of masked frames (paper), 'joint' by that of
            supervised joints.
        loss_weight (float): Factor of the result.

    Raises:
        UserError: If norm or per is unknown.
    """

    def __init__(
        self, norm: str = "l2", unit: float = 256.0, per: str = "frame", loss_weight: float = 1.0
    ) -> None:
        super().__init__()
        if norm not in ("l1", "l2"):
            raise UserError(f"MotionLoss: norm must be 'l1' or 'l2', got {norm!r}")
        if per not in ("frame", "joint"):
            raise UserError(f"MotionLoss: per must be 'frame' or 'joint', got {per!r}")
        self.norm = norm
        self.unit = unit
        self.per = per
        self.loss_weight = loss_weight

    def forward(self, predicted: Tensor, motion: Tensor, weight: Tensor, masked: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            predicted (Tensor): [N, T, V, K, 2], in units.
            motion (Tensor): [N, T, V, K, 2], crop pixels.
            weight (Tensor): [N, T, V, K], products of the confidences at both ends; or
                [N, T, V, K, 2], with a weight per coordinate.
            masked (Tensor): bool [N, T, V], the joints hidden from the encoder.

        Returns:
            Tensor: Scalar; 0 with gradients of 0 where nothing is masked.
        """
        weight = by_coordinate(weight, motion) * masked[..., None, None]
        error = self.error(predicted, motion, weight)
        counted = masked.any(-1) if self.per == "frame" else (weight > 0).any(-1).any(-1)
        # At least the smallest positive mean over processes.
        count = mean_over_ranks(counted.sum().float()).clamp(min=1 / dist.get_world_size())
        return self.loss_weight * error.sum() / (count * motion.shape[-2])

    def error(self, predicted: Tensor, motion: Tensor, weight: Tensor) -> Tensor:
        """Compute the weighted error of each coordinate [N, T, V, K, 2]."""
        error = (predicted.float() - motion / self.unit) * weight
        return error.square() if self.norm == "l2" else error.abs()

    def mean_error(
        self, predicted: Tensor, motion: Tensor, weight: Tensor, masked: Tensor
    ) -> Tensor:
        """Compute the mean distance of predicted from supervised motion, in crop pixels."""
        supervised = (by_coordinate(weight, motion) * masked[..., None, None]) > 0
        distance = ((predicted.float() * self.unit - motion) * supervised).norm(dim=-1)
        joints = supervised.any(-1)
        return torch.where(joints, distance, 0).sum() / joints.sum().clamp(min=1)
