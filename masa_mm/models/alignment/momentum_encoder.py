"""The momentum copy of the query branch."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from mmengine.model import ExponentialMovingAverage
from torch import Tensor, nn

from masa_mm.errors import UserError


class CachedNumber:
    """The number in a one-element integer tensor, read from its device only when it may be new.

    Reading waits for all work queued on the device. The number may be new when something else has
    written the tensor (a checkpoint) or replaced it (a move to a device).
    """

    def __init__(self) -> None:
        self._cached: tuple[Tensor, int, int] | None = None

    def __reduce__(self) -> tuple:
        return CachedNumber, ()  # A copy starts empty: its tensor is another one.

    def set(self, tensor: Tensor, number: int) -> None:
        """Remember what was just written to the tensor."""
        self._cached = tensor, tensor._version, number

    def get(self, tensor: Tensor) -> int:
        """Return the tensor's number."""
        cached = self._cached
        if cached is None or cached[0] is not tensor or cached[1] != tensor._version:
            self.set(tensor, int(tensor))
            return self.get(tensor)
        return cached[2]


class MomentumEncoder(ExponentialMovingAverage):
    """Moving average of a module's weights and BatchNorm statistics, always in evaluation mode.

    ``theta_k <- mu theta_k + (1 - mu) theta_q`` (MASA, section III-C). Evaluation mode uses the
    averaged statistics: statistics of a batch would tell query and key apart by the other clips of
    their batch. The statistics' average is a plain mean until it is as slow as mu.

    Args:
        module (nn.Module): The query branch; it is copied.
        momentum (float): The paper's mu (mmengine's own ``momentum`` is 1 - mu). At 1 the weights
            do not move, at 0 they follow at once.

    Raises:
        UserError: If momentum is outside [0, 1].
    """

    steps: Tensor

    def __init__(self, module: nn.Module, momentum: float = 0.996) -> None:
        # mmengine's own check excludes the ends of the range and is an assert.
        super().__init__(module, update_buffers=True)
        self._num_updates = CachedNumber()
        self.set_momentum(momentum)
        self.eval()

    def set_momentum(self, momentum: float) -> None:
        """Set mu for the following updates."""
        if not 0 <= momentum <= 1:
            raise UserError(f"MASA: momentum (mu) must lie in [0, 1], got {momentum}")
        self.momentum = 1 - momentum

    def train(self, mode: bool = True) -> MomentumEncoder:
        """Stay in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Move every weight and statistic towards the query branch; the first call copies it."""
        updates = self.num_updates
        if updates == 0:
            self.module.load_state_dict(model.state_dict())
        else:
            lerp_all(self.module.parameters(), model.parameters(), self.momentum)
            self.update_statistics(model)
        self.steps += 1
        self._num_updates.set(self.steps, updates + 1)

    @property
    def num_updates(self) -> int:
        """Number of updates so far."""
        return self._num_updates.get(self.steps)

    def update_statistics(self, model: nn.Module) -> None:
        """Average the BatchNorm statistics.

        They start at mean 0 and variance 1, which is not worth remembering. Averaging them in by mu
        makes all keys nearly identical for about 250 steps, and alignment stalls.
        """
        rate = max(self.momentum, 1 / (self.num_updates + 1))
        lerp_all(self.module.buffers(), model.buffers(), rate)


def lerp_all(values: Iterable[Tensor], targets: Iterable[Tensor], rate: float) -> None:
    """Move floating-point tensors in place by a share of the way to their targets."""
    pairs = [pair for pair in zip(values, targets, strict=True) if pair[0].is_floating_point()]
    if pairs:
        torch._foreach_lerp_([value for value, _ in pairs], [target for _, target in pairs], rate)
