"""Check that the data gives batches before anything is trained."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

from mmengine.dist import get_world_size
from mmengine.runner import Runner

from masa_mm.errors import UserError

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

FILES_OF_WORKER = 3  # at least: both ends of its queue, and what tells that it has ended


def check_batches(runner: Runner) -> None:
    """Build the loaders of training and validation and check that each gives a batch.

    mmengine builds them at the same place of a run, and fails later, when it builds schedules:
    ``AssertionError: epoch_length must be positive``.

    Raises:
        UserError: If there is nothing to train on, no clip, or fewer clips than a batch that
            ``drop_last`` drops.
    """
    if runner.train_loop is None:
        raise UserError(
            f"{runner.cfg.filename}: has no train_dataloader, train_cfg, optim_wrapper; train by "
            "a config that has them"
        )
    _check(runner.train_dataloader, "train_dataloader")
    if runner.cfg.get("val_dataloader") is not None:
        _check(runner.val_dataloader, "val_dataloader")


def _check(loader: Any, name: str) -> None:
    _check_workers(loader.num_workers, name)
    if not isinstance(loader.dataset, Sized) or len(loader) > 0:
        return
    clips, processes = len(loader.dataset), get_world_size()
    if not clips:
        raise UserError(f"{name}: its dataset has no clip; correct ann_file, split or subset")
    raise UserError(
        f"{name}: {clips} clips in {processes} process(es) give no batch of {loader.batch_size}, "
        "and drop_last=True leaves out smaller ones; lower batch_size or set drop_last=False"
    )


def _check_workers(number: int, name: str) -> None:
    """Refuse more workers than the system lets a process have, before they exhaust it."""
    if resource is None:
        return
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and number * FILES_OF_WORKER > most:
        raise UserError(
            f"{name}: num_workers={number} needs more open files than a process may have here "
            f"({most}, ulimit -n); lower num_workers"
        )
