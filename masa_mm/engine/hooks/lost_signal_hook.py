"""Stop a run whose Ctrl-C or SIGTERM came at a moment at which Python drops exceptions."""

from __future__ import annotations

from typing import Any

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from masa_mm.engine.stop_signals import StopSignals


@HOOKS.register_module()
class LostSignalHook(Hook):
    """Stop before the next batch when a signal has arrived but the run goes on.

    Python prints "Exception ignored" and goes on when a signal's handler raises an error in a
    destructor, in a callback of the garbage collector or while a worker is forked.
    ``tools/train.py`` and ``tools/test.py`` add this hook to every run.
    """

    priority = "VERY_HIGH"

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Stop training."""
        _stop_if_asked()

    def before_val_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Stop a validation."""
        _stop_if_asked()

    def before_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Stop a test."""
        _stop_if_asked()


def _stop_if_asked() -> None:
    if StopSignals.active is not None:
        StopSignals.active.stop_if_asked()
