"""The momentum copy of the query branch."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from mmengine.model import ExponentialMovingAverage
from torch import Tensor, nn

from masa_mm.errors import UserError


class KnownNumber:
    """The number an integer tensor holds, without asking its device again and again.

    To answer, a device must first have done all it was given. It is asked only when another has
    written the tensor (a checkpoint), or put another in its place (a move to a device).
    """

    def __init__(self) -> None:
        self._known: tuple[Tensor, int, int] | None = None

    def __reduce__(self) -> tuple:
        return KnownNumber, ()  # of a copy nothing is known

    def note(self, tensor: Tensor, number: int) -> None:
        """Remember what was just written."""
        self._known = tensor, tensor._version, number

    def of(self, tensor: Tensor) -> int:
        """The number of a tensor of one element."""
        if self._known is None or self._known[0] is not tensor or self._known[1] != tensor._version:
            self.note(tensor, int(tensor))
        return self._known[2]


class MomentumEncoder(ExponentialMovingAverage):
    """Moving average of a module's weights and BatchNorm statistics, always in evaluation mode.

    ``theta_k <- mu theta_k + (1 - mu) theta_q`` (MASA, section III-C). Evaluation mode uses the
    averaged statistics: those of a batch would tell query and key apart by the clips they share it
    with. The statistics' average is a plain mean until it is as slow as mu.

    With ``average_statistics=False`` it is as in the authors' release: the copy trains and
    evaluates with the model, normalises by the statistics of its own batches and keeps a running
    mean of these.

    Args:
        module (nn.Module): The query branch; it is copied.
        momentum (float): The paper's mu, 0.996 (mmengine's own ``momentum`` is 1 - mu). At 1 its
            weights stay as they are, at 0 they follow at once.
        average_statistics (bool): Average the query branch's BatchNorm statistics.

    Raises:
        UserError: If momentum is outside [0, 1].
    """

    def __init__(
        self, module: nn.Module, momentum: float = 0.996, average_statistics: bool = True
    ) -> None:
        # mmengine's own check leaves out the ends, and is an assert.
        super().__init__(module, update_buffers=True)
        self.average_statistics = average_statistics
        self._known_steps = KnownNumber()
        self.set_momentum(momentum)
        self.eval()

    def set_momentum(self, momentum: float) -> None:
        """Set mu for the updates to come."""
        if not 0 <= momentum <= 1:
            raise UserError(f"MASA: momentum (mu) must lie in [0, 1], got {momentum}")
        self.momentum = 1 - momentum

    def train(self, mode: bool = True) -> MomentumEncoder:
        """Stay in evaluation mode, unless the statistics are the copy's own."""
        return super().train(mode and not self.average_statistics)

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Move every weight and statistic towards the query branch; the first call copies it."""
        updates = self.num_updates
        if updates == 0:
            self.module.load_state_dict(model.state_dict())
        else:
            move(self.module.parameters(), model.parameters(), self.momentum)
            if self.average_statistics:
                self._average_statistics(model, updates)
        self.steps += 1
        self._known_steps.note(self.steps, updates + 1)

    @property
    def num_updates(self) -> int:
        """How often it was updated; see :class:`KnownNumber`."""
        return self._known_steps.of(self.steps)

    def _average_statistics(self, model: nn.Module, updates: int) -> None:
        # They start from nothing (mean 0, variance 1), not from a copy worth keeping: they are a
        # plain mean until that is as slow as mu. Otherwise the keys of the first epochs are scaled
        # wrongly, lie close together, and alignment stalls.
        rate = max(self.momentum, 1 / (updates + 1))
        move(self.module.buffers(), model.buffers(), rate)


def move(values: Iterable[Tensor], targets: Iterable[Tensor], rate: float) -> None:
    """Move floating-point tensors in place by a share of the way to their targets."""
    pairs = [
        (value, target)
        for value, target in zip(values, targets, strict=True)
        if value.is_floating_point()
    ]
    if pairs:
        torch._foreach_lerp_(*map(list, zip(*pairs, strict=True)), rate)
