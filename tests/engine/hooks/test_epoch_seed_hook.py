"""EpochSeedHook: each epoch has randomness of its own that follows from seed, epoch and rank."""

import os
import random
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from masa_mm.engine.hooks import epoch_seed_hook
from masa_mm.engine.hooks.epoch_seed_hook import EpochSeedHook


class Draws(torch.utils.data.Dataset):
    """Each clip is what the three generators draw where it is loaded."""

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return torch.tensor([random.random(), np.random.rand(), torch.rand(()).item()])


def epochs(numbers, workers, seed=0, rank=0, persistent=True, dataset=None, start=None):
    """The clips of these epochs as one run loads them in turn, and a draw of its own after each."""
    loader = torch.utils.data.DataLoader(
        dataset or Draws(),
        batch_size=1,
        num_workers=workers,
        persistent_workers=persistent and workers > 0,
        multiprocessing_context=start,
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


@pytest.mark.parametrize("dataset", [Draws(), torch.utils.data.Subset(Draws(), [2, 0, 1])])
def test_workers_that_go_on_draw_what_new_ones_would(dataset):
    """Also behind a dataset that loads batches itself, as torch's Subset."""
    for kept, new in zip(
        epochs([0, 1, 1], 2, dataset=dataset),
        epochs([0, 1, 1], 2, dataset=dataset, persistent=False),
    ):
        assert torch.equal(kept, new)


def test_workers_that_are_spawned_follow_too():
    forked, spawned = (epochs([0, 1], 1, start=start) for start in ("fork", "spawn"))
    assert all(torch.equal(a, b) for a, b in zip(forked, spawned))


class Workers(Draws):
    def __getitem__(self, i):
        return torch.tensor([float(os.getpid())] * 3)


@pytest.mark.parametrize("persistent", [True, False])
def test_workers_go_on_if_the_loader_lets_them(persistent):
    first, second = epochs([0, 1], 2, dataset=Workers(), persistent=persistent)
    assert (set(first[:-1, 0].tolist()) == set(second[:-1, 0].tolist())) == persistent


def test_workers_from_before_the_hook_are_not_kept():
    loader = torch.utils.data.DataLoader(Draws(), 1, num_workers=1, persistent_workers=True)
    list(loader)
    runner = SimpleNamespace(seed=0, epoch=2, train_dataloader=loader)
    EpochSeedHook().before_train_epoch(runner)
    (expected,) = epochs([2], 1)
    assert torch.equal(torch.cat([*loader]), expected[:-1])


def validations(numbers, workers, loop=EpochBasedTrainLoop):
    """The clips of the validations after these epochs, and a draw of the process after each."""
    loader = torch.utils.data.DataLoader(
        Draws(), 1, num_workers=workers, persistent_workers=workers > 0
    )
    clips = []
    for number in numbers:
        runner = SimpleNamespace(
            seed=0, epoch=number, val_dataloader=loader, _train_loop=loop.__new__(loop)
        )
        EpochSeedHook().before_val_epoch(runner)
        clips.append(torch.cat([*loader, torch.rand(1, 3)]))
    return clips


@pytest.mark.parametrize("workers", [0, 2])
def test_a_repeated_validation_draws_the_same_numbers(workers):
    first, second = validations([1, 2], workers)
    (repeated,) = validations([2], workers)
    (training,) = epochs([2], workers)
    assert torch.equal(second, repeated)
    draws = torch.cat([first, second, training]).flatten()
    assert len(draws.unique()) == len(draws)


def test_training_by_iterations_keeps_its_random_numbers():
    torch.manual_seed(5)
    first = validations([0], 0, IterBasedTrainLoop)[0]
    again = validations([0], 0, IterBasedTrainLoop)[0]
    assert not torch.equal(first[:, 2], again[:, 2])
