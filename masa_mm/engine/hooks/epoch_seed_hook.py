"""Randomness that follows from the seed and the epoch, so that a resumed run repeats nothing."""

from __future__ import annotations

import random
from functools import partial

import numpy as np
import torch
from mmaction.registry import HOOKS
from mmengine.dataset import worker_init_fn
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds each training epoch by the run's seed, the epoch's number and the process's rank.

    mmengine seeds once, at the start, and saves no state of the generators: a run resumed at epoch
    50 would draw epoch 1's masks, crops and dropout again, and end elsewhere than an uninterrupted
    one. It also seeds workers alike every time they start. With this hook both runs are the same,
    bit for bit on a CPU, for epoch-based training resumed between epochs.

    Workers are started anew each epoch, for only a start can seed them (``persistent_workers`` has
    no effect on the training loader).
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


def _seed_workers(dataloader: torch.utils.data.DataLoader, seed: int) -> None:
    if dataloader.num_workers == 0:
        return
    # Rank 0 in every process: the seed has the rank in it already.
    dataloader.worker_init_fn = partial(
        worker_init_fn, num_workers=dataloader.num_workers, rank=0, seed=seed
    )
    dataloader._iterator = None
