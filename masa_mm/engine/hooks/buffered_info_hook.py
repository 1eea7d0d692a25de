"""Losses for the log, fetched from the device when they are logged."""

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
    """mmengine's ``RuntimeInfoHook`` that does not read every loss from the device in every step.

    It stands in its place: ``default_hooks = dict(runtime_info=dict(type='BufferedInfoHook'))``.
    What training returns stays on the device until ``LoggerHook`` is about to write it, the epoch
    ends or a checkpoint is saved, and then comes in one transfer. The log is the same; hooks that
    look for losses in the message hub in between see those of the last transfer.
    """

    def __init__(self) -> None:
        self._steps: list[dict[str, Any]] = []
        self._intervals: list[int] = []

    def before_train(self, runner: Runner) -> None:
        """Find out how often is logged."""
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
        """Keep what this step returned; hand on what was kept if it is about to be logged."""
        # Without their graphs, which would keep the activations of all these steps.
        self._steps.append(
            {k: v.detach() if isinstance(v, Tensor) else v for k, v in (outputs or {}).items()}
        )
        if self.end_of_epoch(runner.train_dataloader, batch_idx) or any(
            self.every_n_inner_iters(batch_idx, interval) for interval in self._intervals
        ):
            self._hand_on(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Hand on what is left of an epoch that was cut short."""
        self._hand_on(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Hand on what a checkpoint keeps of the log."""
        if self._steps:
            self._hand_on(runner)
            # The checkpoint's copy was made before hooks are asked.
            checkpoint["message_hub"] = runner.message_hub.state_dict()

    def _hand_on(self, runner: Runner) -> None:
        for outputs in on_host(self._steps):
            super().after_train_iter(runner, 0, None, outputs)
        self._steps.clear()


def on_host(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with numbers in the place of scalar tensors, all fetched at once."""
    tensors = [v for step in steps for v in step.values() if isinstance(v, Tensor)]
    if not tensors:
        return steps
    numbers = iter(torch.stack([tensor.double().reshape(()) for tensor in tensors]).tolist())
    return [
        {k: next(numbers) if isinstance(v, Tensor) else v for k, v in step.items()}
        for step in steps
    ]
