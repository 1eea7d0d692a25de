"""Batches that give every process of a training about as much to compute."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dataset import DefaultSampler
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import BatchSampler

from masa_mm.datasets.clip_selection import DatasetError

NOBODY = -1


@DATA_SAMPLERS.register_module()
class LengthBalancedBatches(BatchSampler):
    """Batches of an epoch, dealt out so that all processes get about as many frames in each step.

    The sampler says which clips an epoch takes and in which order. A step takes the next of them
    for all processes together, just as without this class; only who computes which follows from
    the clips' lengths: else all would wait in every step for the one that drew the longest. All
    processes make as many steps. For one process alone nothing changes.

    An epoch's batches follow from the sampler's seed and the epoch's number alone, so a resumed
    run takes the same.

    Args:
        sampler (DefaultSampler): Of mmengine, or :class:`PoolSampler`.
        batch_size (int): The most clips in a process's batch.
        drop_last (bool): True: every batch has ``batch_size`` clips; an epoch leaves out what fills
            no step of all processes, other clips each time. False: an epoch takes every clip once,
            and its steps and batches differ by one clip at most. Only if there are too few clips
            for each process to have one in every step, some come a second time.
        max_frames (int, optional): To what length the pipeline cuts clips (``clip_len``): longer
            ones count as so many frames.

    Raises:
        DatasetError: The sampler or its dataset cannot be balanced, or has no clips for a step.

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
                f"LengthBalancedBatches: deals out what a DefaultSampler or PoolSampler takes, got "
                f"a {type(sampler).__name__}; set one, or leave batch_sampler away"
            )
        super().__init__(sampler, batch_size, drop_last)
        self.cost = clip_costs(sampler.dataset, max_frames)
        if not len(self):
            raise DatasetError(
                f"LengthBalancedBatches: {len(self.cost)} clips are fewer than the "
                f"{self._clips_of_step} of a step ({batch_size} of each process); lower "
                "batch_size or set drop_last=False"
            )

    @property
    def _clips_of_step(self) -> int:
        return self.batch_size * self.sampler.world_size

    def __len__(self) -> int:
        """Steps of an epoch, the same in all processes."""
        clips = len(self.cost)
        return clips // self._clips_of_step if self.drop_last else -(-clips // self._clips_of_step)

    def __iter__(self) -> Iterator[list[int]]:
        """This process's batches of the epoch."""
        for step in self._steps(epoch_order(self.sampler)):
            dealt = deal(self.cost[step], self.sampler.world_size)[..., self.sampler.rank]
            for clips, places in zip(step, dealt, strict=True):
                yield clips[places[places != NOBODY]].tolist()

    def _steps(self, order: np.ndarray) -> Iterator[np.ndarray]:
        """The clips of all processes, int64 [steps, clips of a step], steps of one size at once."""
        steps = len(self)
        if self.drop_last:
            yield order[: steps * self._clips_of_step].reshape(steps, -1)
            return
        order = np.resize(order, max(len(order), steps * self.sampler.world_size))
        size, larger = divmod(len(order), steps)
        parts = order[: larger * (size + 1)], order[larger * (size + 1) :]
        yield from (part.reshape(-1, n) for part, n in zip(parts, (size + 1, size)) if len(part))


def clip_costs(dataset: Any, max_frames: int | None = None) -> np.ndarray:
    """What each clip costs to compute: its frames, at most ``max_frames``; int64 [clips].

    Raises:
        DatasetError: The dataset does not know its clips' lengths.
    """
    lengths = getattr(dataset, "num_frames", None)
    if lengths is None:
        raise DatasetError(
            f"LengthBalancedBatches: a {type(dataset).__name__} does not tell the lengths of its "
            "clips (num_frames), as SignPoseDataset and PooledSigns do; leave batch_sampler away"
        )
    return np.minimum(lengths, max_frames) if max_frames else np.asarray(lengths)


def epoch_order(sampler: DefaultSampler) -> np.ndarray:
    """The clips of all processes in a sampler's epoch, in order, int64 [clips]."""
    whole = copy.copy(sampler)
    whole.rank, whole.world_size = 0, 1
    whole.num_samples = whole.total_size = len(sampler.dataset)
    return np.fromiter(whole, np.int64)


def deal(cost: np.ndarray, hands: int) -> np.ndarray:
    """Deal the clips of each step to so many hands, as many to each and about as costly.

    Round by round, the next most costly clips go one to each hand, the most costly of them to
    whom has got least. If the last round has too few, those who have got most get none.

    Args:
        cost: [steps, clips].
        hands: into how many.

    Returns:
        Places of clips in their step, int64 [steps, rounds, hands], a hand's in order;
        :data:`NOBODY` first where a hand has one less.
    """
    steps, clips = cost.shape
    rounds = -(-clips // hands)
    place = np.full((steps, rounds * hands), NOBODY)
    place[:, :clips] = np.argsort(-cost, axis=1, kind="stable")
    worth = np.zeros((steps, rounds * hands), cost.dtype)
    worth[:, :clips] = np.take_along_axis(cost, place[:, :clips], 1)
    dealt = np.empty((steps, rounds, hands), np.int64)
    total = np.zeros((steps, hands), cost.dtype)
    for number in range(rounds):
        least_first = np.argsort(total, axis=1, kind="stable")
        of_round = slice(number * hands, (number + 1) * hands)
        np.put_along_axis(dealt[:, number], least_first, place[:, of_round], 1)
        got = np.take_along_axis(total, least_first, 1) + worth[:, of_round]
        np.put_along_axis(total, least_first, got, 1)
    return np.sort(dealt, axis=1)
