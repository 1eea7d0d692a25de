"""Detection of losses that are NaN or infinite, with or without waiting for the GPU."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from mmengine import dist
from torch import Tensor


class HostCopy:
    """A copy of a tensor to the host that does not hold up its device.

    Args:
        values (Tensor): On any device; from a GPU it is copied at once, into page-locked memory.
    """

    def __init__(self, values: Tensor) -> None:
        self._values, self._arrived = values.detach(), None
        if values.is_cuda:
            pinned = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            self._values = pinned.copy_(values, non_blocking=True)
            self._arrived = torch.cuda.Event()
            self._arrived.record()

    def tolist(self) -> list[float]:
        """Wait for the copy, but not for later work of the device, and return the numbers."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._values.tolist()


class FiniteCheck:
    """Stops training in all processes if a loss is NaN or infinite in one.

    Args:
        deferred (bool): Read the result when the next batch comes, or in :meth:`settle`, by when it
            has long arrived. Otherwise read it at once, before the loss has any effect; a GPU then
            idles in every step until the host has read it.
    """

    def __init__(self, deferred: bool = False) -> None:
        self.deferred = deferred
        self._pending: tuple[list[str], HostCopy] | None = None

    def __call__(self, losses: Mapping[str, Tensor]) -> None:
        """Check the losses of a batch, and those of the batch before if they are pending.

        Raises:
            FloatingPointError: If a loss is not finite.
        """
        self.settle()
        names = [name for name in losses if "loss" in name]
        finite = torch.stack([torch.isfinite(losses[name]).all() for name in names]).float()
        dist.all_reduce(finite, op="min")
        self._pending = names, HostCopy(finite)
        if not self.deferred:
            self.settle()

    def settle(self) -> None:
        """Read a pending result.

        Raises:
            FloatingPointError: If a loss is not finite.
        """
        if self._pending is None:
            return
        (names, finite), self._pending = self._pending, None
        broken = [name for name, ok in zip(names, finite.tolist(), strict=True) if not ok]
        if not broken:
            return
        effect = "the step was not taken"
        if self.deferred:
            effect = "this was the previous step, of which nothing was saved"
        raise FloatingPointError(
            f"{', '.join(broken)} is not finite; {effect}. Resume from the last checkpoint with a "
            "lower learning rate or gradient clipping, or check the poses of this batch"
        )
