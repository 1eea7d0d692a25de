"""Log losses without a device-to-host read in every step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmaction.registry import HOOKS
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmengine.runner import Runner
from torch import Tensor


@HOOKS.register_module()
class BufferedInfoHook(RuntimeInfoHook):
    """``RuntimeInfoHook`` that reads the losses of several steps from the device at once.

    Select it by ``default_hooks = dict(runtime_info=dict(type='BufferedInfoHook'))``.
    Losses stay on the device until ``LoggerHook`` is about to write them, the epoch ends or a
    checkpoint is saved. The log is the same. Between transfers, the message hub holds the losses
    of the last transfer.
    """

    def __init__(self) -> None:
        self._steps: list[dict[str, Any]] = []
        self._intervals: list[int] = []

    def before_train(self, runner: Runner) -> None:
        """Read the logging intervals of the run."""
        super().before_train(runner)
        self._steps.clear()
        self._intervals = [h.interval for h in runner.hooks if isinstance(h, LoggerHook)]

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Store the outputs of this step; flush them if they are about to be logged."""
        # The autograd graphs would keep the activations of all these steps.
        self._steps.append(
            {k: v.detach() if isinstance(v, Tensor) else v for k, v in (outputs or {}).items()}
        )
        if self.end_of_epoch(runner.train_dataloader, batch_idx) or any(
            self.every_n_inner_iters(batch_idx, interval) for interval in self._intervals
        ):
            self._flush(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Flush what remains of an epoch that ended early."""
        self._flush(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Flush, since a checkpoint contains the log."""
        if self._steps:
            self._flush(runner)
            # mmengine copies the message hub before it calls the hooks.
            checkpoint["message_hub"] = runner.message_hub.state_dict()

    def _flush(self, runner: Runner) -> None:
        for outputs in to_host(self._steps):
            super().after_train_iter(runner, 0, None, outputs)
        self._steps.clear()


def to_host(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Replace scalar tensors by numbers, with one transfer for all of them."""
    tensors = [v for step in steps for v in step.values() if isinstance(v, Tensor)]
    if not tensors:
        return steps
    numbers = iter(torch.stack([tensor.double().reshape(()) for tensor in tensors]).tolist())
    return [
        {k: next(numbers) if isinstance(v, Tensor) else v for k, v in step.items()}
        for step in steps
    ]
