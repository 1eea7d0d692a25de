"""EpochSeedHook: each epoch has randomness of its own that follows from seed, epoch and rank."""

import random
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import torch

from masa_mm.engine.hooks import epoch_seed_hook
from masa_mm.engine.hooks.epoch_seed_hook import EpochSeedHook


class Draws(torch.utils.data.Dataset):
    """Each clip is what the three generators draw where it is loaded."""

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return torch.tensor([random.random(), np.random.rand(), torch.rand(()).item()])


def epochs(numbers, workers, seed=0, rank=0):
    """The clips of these epochs as one run loads them in turn, and a draw of its own after each."""
    loader = torch.utils.data.DataLoader(
        Draws(), batch_size=1, num_workers=workers, persistent_workers=workers > 0
    )
    clips = []
    for number in numbers:
        runner = SimpleNamespace(seed=seed, epoch=number, train_dataloader=loader)
        with mock.patch.object(epoch_seed_hook, "get_rank", lambda: rank):
            EpochSeedHook().before_train_epoch(runner)
        clips.append(torch.cat([*loader, torch.rand(1, 3)]))
    return clips


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_is_the_same_wherever_a_run_starts(workers):
    _, _, third = epochs([0, 1, 2], workers)
    (resumed,) = epochs([2], workers)
    assert torch.equal(third, resumed)


@pytest.mark.parametrize("workers", [0, 2])
def test_epochs_seeds_and_ranks_differ(workers):
    first, second = epochs([0, 1], workers)
    (other_seed,) = epochs([0], workers, seed=1)
    (other_rank,) = epochs([0], workers, rank=1)
    draws = torch.cat([first, second, other_seed, other_rank]).flatten()
    assert len(draws.unique()) == len(draws)
