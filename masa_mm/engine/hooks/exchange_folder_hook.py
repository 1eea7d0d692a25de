"""Exchange predictions between processes in the work directory of the run."""

from __future__ import annotations

from pathlib import Path

from mmaction.registry import HOOKS
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner

FOLDER = ".predictions"


@HOOKS.register_module()
class ExchangeFolderHook(Hook):
    """Let metrics collect the predictions of all processes in a folder of the work directory.

    mmengine makes a new folder in ``.dist_test`` of the current folder for each metric, and a kill
    leaves it there. The next validation writes ``.predictions`` again and removes it. Metrics with
    a ``collect_dir`` of their own, or that collect on GPUs, keep their ways. ``tools/train.py`` and
    ``tools/test.py`` add this hook to every run.
    """

    def before_val_epoch(self, runner: Runner) -> None:
        """Set the folder for a validation."""
        _exchange_in(Path(runner.work_dir) / FOLDER, runner.val_evaluator)

    def before_test_epoch(self, runner: Runner) -> None:
        """Set the folder for a test."""
        _exchange_in(Path(runner.work_dir) / FOLDER, runner.test_evaluator)


def _exchange_in(folder: Path, evaluator: Evaluator) -> None:
    # Metrics can share it: each one ends with a broadcast by the process that removes the folder.
    for metric in evaluator.metrics:
        if metric.collect_device == "cpu" and metric.collect_dir is None:
            metric.collect_dir = str(folder)
