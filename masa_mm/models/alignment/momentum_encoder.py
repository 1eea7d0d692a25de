"""The momentum copy of the query branch."""

from __future__ import annotations

from mmengine.model import ExponentialMovingAverage
from torch import nn


class MomentumEncoder(ExponentialMovingAverage):
    """Moving average of a module's weights and BatchNorm statistics, always in evaluation mode.

    ``theta_k <- mu theta_k + (1 - mu) theta_q`` (MASA, section III-C). Evaluation mode uses the
    averaged statistics: those of a batch would tell query and key apart by the clips they share it
    with.

    Args:
        module (nn.Module): The query branch; it is copied.
        momentum (float): The paper's mu, 0.996 (mmengine's own ``momentum`` is 1 - mu).
    """

    def __init__(self, module: nn.Module, momentum: float = 0.996) -> None:
        super().__init__(module, momentum=1 - momentum, update_buffers=True)
        self.eval()

    def set_momentum(self, momentum: float) -> None:
        """Set mu for the updates to come."""
        self.momentum = 1 - momentum

    def train(self, mode: bool = True) -> MomentumEncoder:
        """Stay in evaluation mode."""
        return super().train(False)

    def update_parameters(self, model: nn.Module) -> None:
        """Move every weight and statistic towards the query branch; the first call copies it."""
        # The base class keeps references to tensors that a move or a deep copy has replaced.
        self.avg_parameters = self.module.state_dict()
        super().update_parameters(model)
