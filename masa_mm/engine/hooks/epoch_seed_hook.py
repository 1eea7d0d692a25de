"""Seed each epoch, so that a resumed run draws the same numbers as an uninterrupted one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from mmaction.registry import HOOKS
from mmengine.dataset import worker_init_fn
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import DataLoader, Dataset, get_worker_info

_VALIDATION = 1  # tells its seeds from those of training


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed each epoch by the seed of the run, the epoch and the rank of the process.

    mmengine seeds once, at the start, and saves no state of the generators, so a run resumed at
    epoch 50 draws the masks, crops and dropout of epoch 1 again. It also gives workers the same
    seed each time they start. With this hook, epoch-based training that is resumed between epochs
    ends with the same weights as an uninterrupted run, bit for bit on a CPU. The validation after
    an epoch has a seed of its own: a resumed run repeats it if a kill came before its end, and must
    find the same best checkpoint.

    ``persistent_workers`` draw the same numbers as workers that are restarted for each epoch.
    """

    priority = "VERY_HIGH"

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed this process and the workers of the epoch."""
        _seed(runner, runner.train_dataloader)

    def before_val_epoch(self, runner: Runner) -> None:
        """Seed this process and the workers of the validation after an epoch."""
        # Training by iterations goes on with its random numbers after a validation.
        if isinstance(runner._train_loop, EpochBasedTrainLoop):
            _seed(runner, runner.val_dataloader, _VALIDATION)


def _seed(runner: Runner, dataloader: DataLoader, *kind: int) -> None:
    sequence = np.random.SeedSequence([runner.seed, runner.epoch, get_rank(), *kind])
    # 31 bits: workers add their number, and numpy accepts 32 bits.
    seed = int(sequence.generate_state(1)[0] >> 1)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    _seed_workers(dataloader, seed)


def _seed_workers(dataloader: DataLoader, seed: int) -> None:
    if dataloader.num_workers == 0:
        return
    if dataloader.persistent_workers:
        if not isinstance(dataloader.worker_init_fn, FollowSeeds):
            dataloader.worker_init_fn = FollowSeeds(dataloader.num_workers)
            dataloader._iterator = None  # its workers started without FollowSeeds
        dataloader.worker_init_fn.announce(seed)
        if dataloader._iterator is not None:
            # Draw the number that a loader draws when it starts workers.
            torch.empty((), dtype=torch.int64).random_()
    else:
        dataloader.worker_init_fn = _seeding(dataloader.num_workers, seed)


def _seeding(num_workers: int, seed: int) -> partial:
    # The seed already depends on the rank.
    return partial(worker_init_fn, num_workers=num_workers, rank=0, seed=seed)


class FollowSeeds:
    """A ``worker_init_fn`` that makes a worker seed itself whenever a new seed is announced.

    The seed is in shared memory; a worker reads it before each batch.

    Args:
        num_workers (int): Number of workers of the loader.
    """

    def __init__(self, num_workers: int) -> None:
        self.num_workers = num_workers
        # The seed and the number of announcements, since two epochs may have the same seed.
        self.announced = torch.zeros(2, dtype=torch.int64).share_memory_()

    def announce(self, seed: int) -> None:
        """Let all workers seed themselves before the next batch; none may be in progress."""
        self.announced[0] = seed
        self.announced[1] += 1

    def __call__(self, worker_id: int) -> None:
        """Let the copy of the dataset in this worker seed itself before it loads a batch."""
        worker = get_worker_info()
        assert worker is not None
        # torch loads a whole batch by __getitems__ if the dataset has it.
        vars(worker.dataset)["__getitems__"] = _SeededItems(worker.dataset, self, worker_id)


class _SeededItems:
    """Load the samples of a batch, after seeding if a new seed was announced."""

    def __init__(self, dataset: Dataset, seeds: FollowSeeds, worker_id: int) -> None:
        self._load = getattr(dataset, "__getitems__", None) or partial(_one_by_one, dataset)
        self._seeds, self._worker_id, self._followed = seeds, worker_id, 0

    def __call__(self, indices: Sequence[int]) -> list:
        seed, number = self._seeds.announced.tolist()
        if number != self._followed:
            _seeding(self._seeds.num_workers, seed)(self._worker_id)
            self._followed = number
        return self._load(indices)


def _one_by_one(dataset: Dataset, indices: Sequence[int]) -> list:
    return [dataset[index] for index in indices]
