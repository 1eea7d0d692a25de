"""Batch sampler that balances the computation of the processes of a distributed training."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
from mmengine.dataset import DefaultSampler
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import BatchSampler

from masa_mm.datasets.clip_selection import DatasetError
from masa_mm.option_checks import checked_options, whole

NO_CLIP = -1


@DATA_SAMPLERS.register_module()
@checked_options(
    batch_size=whole(1),
    max_frames=whole(1, optional=True),
)
class LengthBalancedBatches(BatchSampler):
    """Distribute the clips of each step so that all processes get about as many frames.

    The clips of a step are those that the sampler yields next for all processes together, as
    without this class. Only their assignment to processes depends on their lengths; otherwise all
    processes wait in every step for the one with the longest clips. All processes make the same
    number of steps. With one process nothing changes.

    The batches of an epoch follow from the sampler's seed and the epoch's number, so a resumed run
    takes the same.

    Args:
        sampler (DefaultSampler): mmengine's sampler, or :class:`PoolSampler`.
        batch_size (int): Largest number of clips in a batch of one process.
        drop_last (bool): True: every batch has ``batch_size`` clips, and the epoch's rest is left
            out. False: an epoch takes every clip once, and steps and batches differ by at most one
            clip. If there are fewer clips than processes need, some are taken twice.
        max_frames (int, optional): The pipeline's ``clip_len``; longer clips count as so many
            frames.

    Raises:
        DatasetError: If the sampler or its dataset is not supported, or an epoch has no full step.

    Example:
        >>> train_dataloader = dict(
        ...     batch_size=64,  # drop_last is the batch sampler's
        ...     sampler=dict(type='DefaultSampler', shuffle=True),
        ...     batch_sampler=dict(type='LengthBalancedBatches', drop_last=True, max_frames=128))
    """

    sampler: DefaultSampler

    def __init__(
        self,
        sampler: DefaultSampler,
        batch_size: int,
        drop_last: bool = False,
        max_frames: int | None = None,
    ) -> None:
        if not isinstance(sampler, DefaultSampler):
            raise DatasetError(
                "LengthBalancedBatches: needs a DefaultSampler or PoolSampler, got a "
                f"{type(sampler).__name__}; set one, or remove batch_sampler"
            )
        super().__init__(sampler, batch_size, drop_last)
        lengths = getattr(sampler.dataset, "num_frames", None)
        if lengths is None:
            raise DatasetError(
                f"LengthBalancedBatches: a {type(sampler.dataset).__name__} does not know the "
                "lengths of its clips (num_frames), as SignPoseDataset and PooledSigns do; remove "
                "batch_sampler"
            )
        self.cost = np.minimum(lengths, max_frames) if max_frames else np.asarray(lengths)
        self._clips_per_step = batch_size * sampler.world_size
        if not len(self):
            raise DatasetError(
                f"LengthBalancedBatches: {len(self.cost)} clips are fewer than the "
                f"{self._clips_per_step} of a step ({batch_size} per process); lower "
                "batch_size or set drop_last=False"
            )

    def __len__(self) -> int:
        """Return the steps of an epoch, the same in all processes."""
        steps, rest = divmod(len(self.cost), self._clips_per_step)
        return steps if self.drop_last else steps + (rest > 0)

    def __iter__(self) -> Iterator[list[int]]:
        """Iterate over this process's batches of the epoch."""
        for step in self._steps(epoch_order(self.sampler)):
            shares = distribute(self.cost[step], self.sampler.world_size)[..., self.sampler.rank]
            for clips, positions in zip(step, shares, strict=True):
                yield clips[positions[positions != NO_CLIP]].tolist()

    def _steps(self, order: np.ndarray) -> Iterator[np.ndarray]:
        """Yield clips of all processes, int64 [steps, clips per step], grouped by step size."""
        steps = len(self)
        if self.drop_last:
            yield order[: steps * self._clips_per_step].reshape(steps, -1)
            return
        order = np.resize(order, max(len(order), steps * self.sampler.world_size))
        size, larger = divmod(len(order), steps)
        parts = order[: larger * (size + 1)], order[larger * (size + 1) :]
        yield from (part.reshape(-1, n) for part, n in zip(parts, (size + 1, size)) if len(part))


def epoch_order(sampler: DefaultSampler) -> np.ndarray:
    """Return the clips of all processes in a sampler's epoch, in order, int64 [clips]."""
    whole = copy.copy(sampler)
    whole.rank, whole.world_size = 0, 1
    whole.num_samples = whole.total_size = len(sampler.dataset)
    return np.fromiter(whole, np.int64)


def distribute(cost: np.ndarray, processes: int) -> np.ndarray:
    """Distribute the clips of each step to processes of equal count and similar cost.

    In each round the next most costly clips go one to each process, the most costly to the process
    with the lowest total so far. If the last round is not full, the processes with the highest
    totals get none.

    Args:
        cost (np.ndarray): [steps, clips].
        processes (int): Number of processes.

    Returns:
        np.ndarray: Positions of clips in their step, int64 [steps, rounds, processes], sorted per
        process. A process with one clip less starts with :data:`NO_CLIP`.
    """
    steps, clips = cost.shape
    rounds = -(-clips // processes)
    position = np.full((steps, rounds * processes), NO_CLIP)
    position[:, :clips] = np.argsort(-cost, axis=1, kind="stable")
    sorted_cost = np.zeros((steps, rounds * processes), cost.dtype)
    sorted_cost[:, :clips] = np.take_along_axis(cost, position[:, :clips], 1)
    shares = np.empty((steps, rounds, processes), np.int64)
    total = np.zeros((steps, processes), cost.dtype)
    for number in range(rounds):
        lowest_first = np.argsort(total, axis=1, kind="stable")
        of_round = slice(number * processes, (number + 1) * processes)
        np.put_along_axis(shares[:, number], lowest_first, position[:, of_round], 1)
        new_total = np.take_along_axis(total, lowest_first, 1) + sorted_cost[:, of_round]
        np.put_along_axis(total, lowest_first, new_total, 1)
    return np.sort(shares, axis=1)
