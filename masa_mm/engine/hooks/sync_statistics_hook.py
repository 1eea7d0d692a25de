"""Average BatchNorm statistics over the processes of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmaction.registry import HOOKS
from mmengine.dist import all_reduce_params
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase


@HOOKS.register_module()
class SyncStatisticsHook(Hook):
    """Average the running statistics of BatchNorm over all processes after each training epoch.

    Each process of a distributed run updates the statistics by its own clips, and a checkpoint
    holds those of process 0. With this hook all processes have the same statistics when the network
    is validated or saved between epochs: each process scores clips with the network that is saved,
    and two processes that are resumed continue as without the interruption, bit for bit on a CPU.

    mmengine's ``SyncBuffersHook`` averages all buffers and so spoils the clip ids of the memory
    bank. The mean of the variances estimates what a single process estimates, the mean variance of
    a batch. A step costs nothing.
    """

    def __init__(self) -> None:
        # Averaging equal numbers of three or more processes again may change the last bit.
        self._averaged = True

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Note that the statistics have changed."""
        self._averaged = False

    def after_train_epoch(self, runner: Runner) -> None:
        """Average before the checkpoint hook, of lower priority, saves the weights."""
        self._average(runner)

    def before_val_epoch(self, runner: Runner) -> None:
        """Average before a validation within an epoch, as in training by iterations."""
        self._average(runner)

    def _average(self, runner: Runner) -> None:
        if not self._averaged:
            average_statistics(runner.model)
            self._averaged = True


def average_statistics(model: nn.Module) -> None:
    """Average the buffers of all BatchNorm layers in place; a single process keeps its own."""
    all_reduce_params(statistics_of(model), op="mean")


def statistics_of(model: nn.Module) -> Iterator[Tensor]:
    """The buffers of all BatchNorm layers, which differ between processes within an epoch."""
    for module in model.modules():
        if isinstance(module, _NormBase):
            yield from module.buffers(recurse=False)
