"""Resume a run within an epoch, with the batches and random numbers that are left of it."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from mmengine.runner import EpochBasedTrainLoop


def generator_states() -> dict[str, Any]:
    """The states of the random generators of this process, as data that a checkpoint can hold."""
    name, keys, *rest = np.random.get_state()
    version, internal, gauss = random.getstate()
    states: dict[str, Any] = dict(
        torch=torch.get_rng_state(),
        numpy=[name, [int(key) for key in keys], *rest],
        python=[version, list(internal), gauss],
    )
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def restore_generators(states: dict[str, Any]) -> None:
    """Continue with the random numbers that follow :func:`generator_states`."""
    torch.set_rng_state(states["torch"].cpu())
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, np.array(keys, np.uint32), *rest))
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"].cpu())


def finish_epoch_first(loop: EpochBasedTrainLoop, states: dict[str, Any] | None) -> None:
    """Let a resumed loop start with the rest of the epoch in which its checkpoint was saved.

    mmengine repeats the whole epoch from the weights of its middle and counts its steps twice. This
    function makes the loop load and drop the batches that the run has seen, which costs their
    loading and leaves the workers with the random numbers of the run.

    Args:
        loop (EpochBasedTrainLoop): The loop of a runner that has loaded the checkpoint.
        states (dict, optional): Of the generators of this process, when it was saved.
    """
    seen = loop.iter - loop.epoch * len(loop.dataloader)
    if seen <= 0:
        return

    def run_epoch() -> None:
        del loop.run_epoch  # only this epoch
        loop.runner.call_hook("before_train_epoch")
        loop.runner.model.train()
        batches = enumerate(loop.dataloader)
        for _ in range(seen):
            next(batches)
        if states:
            restore_generators(states)
        for index, batch in batches:
            loop.run_iter(index, batch)
        loop.runner.call_hook("after_train_epoch")
        loop._epoch += 1

    loop.run_epoch = run_epoch
