"""Whether all losses are numbers, asked with or without making the host wait."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from mmengine import dist
from torch import Tensor


class HostCopy:
    """A tensor on its way to the host, while its device goes on.

    Args:
        values (Tensor): Of any device; of CUDA's it is copied at once, into page-locked memory.
    """

    def __init__(self, values: Tensor) -> None:
        self._values, self._arrived = values.detach(), None
        if values.is_cuda:
            pinned = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            self._values = pinned.copy_(values, non_blocking=True)
            self._arrived = torch.cuda.Event()
            self._arrived.record()

    def tolist(self) -> list[float]:
        """The numbers; waits until they have come, but not for what the device does since."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._values.tolist()


class FiniteCheck:
    """Stops training in all processes if a loss is NaN or infinite in one.

    Attributes:
        deferred (bool): Look at the answer when the next batch comes, or at :meth:`settle`, by when
            it has long arrived. Otherwise at once, before anything can follow from the loss, but a
            GPU then idles in every step until the host has read the answer.
    """

    def __init__(self) -> None:
        self.deferred = False
        self._pending: tuple[list[str], HostCopy] | None = None

    def __call__(self, losses: Mapping[str, Tensor]) -> None:
        """Check the losses of a batch, and those of the batch before if that is still to be done.

        Raises:
            FloatingPointError: As :meth:`settle`.
        """
        self.settle()
        names = [name for name in losses if "loss" in name]
        finite = torch.stack([torch.isfinite(losses[name]).all() for name in names]).float()
        dist.all_reduce(finite, op="min")
        self._pending = names, HostCopy(finite)
        if not self.deferred:
            self.settle()

    def settle(self) -> None:
        """Look at an answer that was not looked at yet.

        Raises:
            FloatingPointError: Naming the losses.
        """
        if self._pending is None:
            return
        (names, finite), self._pending = self._pending, None
        broken = [name for name, ok in zip(names, finite.tolist(), strict=True) if not ok]
        if broken:
            raise FloatingPointError(
                f"{', '.join(broken)} is not finite; {self._harm()}. Resume from the last "
                "checkpoint with a lower learning rate or gradient clipping, or check the poses of "
                "this batch"
            )

    def _harm(self) -> str:
        if self.deferred:
            return "that was the step before this one, of which nothing was saved"
        return "nothing was added to the memory bank"
