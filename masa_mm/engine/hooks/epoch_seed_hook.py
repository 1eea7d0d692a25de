"""Randomness that follows from the seed and the epoch, so that a resumed run repeats nothing."""

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
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Dataset, get_worker_info


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds each training epoch by the run's seed, the epoch's number and the process's rank.

    mmengine seeds once, at the start, and saves no state of the generators: a run resumed at epoch
    50 would draw epoch 1's masks, crops and dropout again, and end elsewhere than an uninterrupted
    one. It also seeds workers alike every time they start. With this hook both runs are the same,
    bit for bit on a CPU, for epoch-based training resumed between epochs.

    Workers of a loader with ``persistent_workers`` go on through all epochs, and draw what workers
    started anew would draw.
    """

    priority = "VERY_HIGH"

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed this process and have the workers of the epoch seeded."""
        sequence = np.random.SeedSequence([runner.seed, runner.epoch, get_rank()])
        # 31 bits: workers add their number, and numpy takes 32.
        seed = int(sequence.generate_state(1)[0] >> 1)
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        _seed_workers(runner.train_dataloader, seed)


def _seed_workers(dataloader: DataLoader, seed: int) -> None:
    if dataloader.num_workers == 0:
        return
    if dataloader.persistent_workers:
        if not isinstance(dataloader.worker_init_fn, FollowSeeds):
            dataloader.worker_init_fn = FollowSeeds(dataloader.num_workers)
            dataloader._iterator = None  # whose workers would not follow
        dataloader.worker_init_fn.announce(seed)
        if dataloader._iterator is not None:
            # A loader that starts workers draws a number for them first.
            torch.empty((), dtype=torch.int64).random_()
    else:
        dataloader.worker_init_fn = _seeding(dataloader.num_workers, seed)


def _seeding(num_workers: int, seed: int) -> partial:
    # Rank 0 in every process: the seed has the rank in it already.
    return partial(worker_init_fn, num_workers=num_workers, rank=0, seed=seed)


class FollowSeeds:
    """A ``worker_init_fn`` after which a worker seeds itself whenever a new seed is announced.

    The seed lies in memory that all processes share; a worker looks at it before each batch.

    Args:
        num_workers (int): Of the loader.
    """

    def __init__(self, num_workers: int) -> None:
        self.num_workers = num_workers
        # The seed, and how often one was announced: two epochs may draw the same.
        self.announced = torch.zeros(2, dtype=torch.int64).share_memory_()

    def announce(self, seed: int) -> None:
        """Have all workers seeded before they load another clip. They must have none to load."""
        self.announced[0] = seed
        self.announced[1] += 1

    def __call__(self, worker_id: int) -> None:
        dataset = get_worker_info().dataset
        # torch asks a dataset that has it for a whole batch; the worker's copy has it from here on.
        dataset.__getitems__ = _SeededItems(dataset, self, worker_id)


class _SeededItems:
    """Loads the clips of a batch, after seeding if that was asked for."""

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
