"""Several sets of signs as one, for pretraining, and how much of each an epoch takes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmaction.registry import DATASETS
from mmengine.dataset import Compose, ConcatDataset, DefaultSampler
from mmengine.logging import print_log
from mmengine.registry import DATA_SAMPLERS

from masa_mm.datasets.clip_selection import DatasetError
from masa_mm.datasets.sign_pose_dataset import SignPoseDataset

MISSING = ("error", "skip")
SAMPLINGS = ("natural", "balanced")


@DATASETS.register_module()
class PooledSigns(ConcatDataset):
    """Sets of signs one after the other, as MASA pretrains on (arXiv 2405.20666, section IV-A).

    Each set keeps its own classes: the pool's classes are all of them, named 'WLASL/book', and
    labels count on from one set to the next.

    Args:
        datasets (Sequence[dict]): configs of :class:`SignPoseDataset` or of benchmarks, without a
            pipeline.
        pipeline (list): the transforms of all clips.
        missing (str): what to do if files of a set are not there: 'error', or 'skip' the set; the
            log then names it.

    Raises:
        DatasetError: files are missing and not to be skipped, or all are; one line names them.
        PoseStoreError and others: of the sets.

    Example:
        >>> pool = PooledSigns([dict(type='WLASLPose', ann_file='wlasl_train.safetensors'),
        ...                     dict(type='MSASLPose', ann_file='msasl_train.safetensors')], [])
        >>> pool.metainfo['classes'][:2]
        ['WLASL/book', 'WLASL/drink']
    """

    def __init__(self, datasets: Sequence[dict], pipeline: list, missing: str = "error") -> None:
        if missing not in MISSING:
            raise DatasetError(f"PooledSigns: missing is 'error' or 'skip', not '{missing}'")
        members = [DATASETS.build(dict(data, pipeline=[], lazy_init=True)) for data in datasets]
        present = _present(members, missing)
        self.names = _unique_names(present)
        self.pipeline = Compose(pipeline)
        super().__init__(present, ignore_keys=["classes"])

    def full_init(self) -> None:
        """Open the files of all sets."""
        if self._fully_initialized:
            return
        super().full_init()
        classes = [member.metainfo["classes"] for member in self.datasets]
        self._first_label = np.cumsum([0, *map(len, classes)]).tolist()
        self._metainfo["classes"] = [
            f"{pool}/{name}" for pool, names in zip(self.names, classes) for name in names
        ]
        sizes = ", ".join(f"{name} {len(data)}" for name, data in zip(self.names, self.datasets))
        print_log(f"PooledSigns: {len(self)} clips: {sizes}", logger="current")

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """A clip's ``results``, see :class:`SignPoseDataset`, with the pool's label."""
        info = super().get_data_info(idx)
        member, _ = self._get_ori_dataset_idx(idx)
        if info["label"] >= 0:
            info["label"] += self._first_label[member]
        info["sample_idx"] = idx % len(self)
        return info

    def __getitem__(self, idx: int) -> Any:
        """A clip after the pipeline."""
        return self.pipeline(self.get_data_info(idx))

    @property
    def num_frames(self) -> np.ndarray:
        """Frames of each clip, int64 [len(self)]."""
        return np.concatenate([member.num_frames for member in self.datasets])

    @property
    def sizes(self) -> list[int]:
        """Clips of each set."""
        return [len(member) for member in self.datasets]


def _present(members: list[SignPoseDataset], missing: str) -> list[SignPoseDataset]:
    """The sets whose files are there."""
    gone = {
        number: [path for path in member.files if not Path(path).is_file()]
        for number, member in enumerate(members)
    }
    named = "; ".join(
        f"{_name(members[number])} ({', '.join(paths)})" for number, paths in gone.items() if paths
    )
    present = [member for number, member in enumerate(members) if not gone[number]]
    if named and (missing == "error" or not present):
        remedy = "" if missing == "skip" else ", or set missing='skip' to pretrain without them"
        raise DatasetError(f"PooledSigns: not there: {named}; make them (docs/data/){remedy}")
    if named:
        print_log(f"PooledSigns: skipped, not there: {named}", "current", logging.WARNING)
    return present


def _name(member: SignPoseDataset) -> str:
    return getattr(member, "NAME", "") or type(member).__name__


def _unique_names(members: list[SignPoseDataset]) -> list[str]:
    names = [_name(member) for member in members]
    return [
        f"{name}{names[:number].count(name) + 1}" if names.count(name) > 1 else name
        for number, name in enumerate(names)
    ]


@DATA_SAMPLERS.register_module()
class PoolSampler(DefaultSampler):
    """How much of each set of a :class:`PooledSigns` an epoch takes.

    'natural': every clip once. 'balanced': as many clips in all, but the same number of each set: a
    small set's clips come several times, of a large set the next part each epoch. An epoch's clips
    follow from the seed and its number alone: a resumed run takes the same, and all processes of a
    distributed one agree.

    Args:
        dataset (PooledSigns): the pool.
        sampling (str): 'natural' or 'balanced'.
        **kwargs: of mmengine's ``DefaultSampler`` (``shuffle``, ``seed``, ``round_up``).

    Raises:
        DatasetError: an unknown sampling, a dataset that is no pool, or balance without shuffling.
    """

    def __init__(self, dataset: PooledSigns, sampling: str = "natural", **kwargs: Any) -> None:
        if sampling not in SAMPLINGS:
            raise DatasetError(
                f"PoolSampler: sampling is {' or '.join(SAMPLINGS)}, not '{sampling}'"
            )
        if not isinstance(dataset, PooledSigns):
            raise DatasetError(
                f"PoolSampler: needs a PooledSigns, got a {type(dataset).__name__}; "
                "take DefaultSampler"
            )
        super().__init__(dataset, **kwargs)
        if sampling == "balanced" and not self.shuffle:
            raise DatasetError("PoolSampler: balanced clips are drawn at random; set shuffle=True")
        self.sampling = sampling

    def __iter__(self) -> Iterator[int]:
        """This process's clips of the epoch."""
        if self.sampling == "natural":
            return super().__iter__()
        indices = balanced_draw(self.dataset.sizes, self.total_size, self.seed, self.epoch)
        return iter(indices[self.rank :: self.world_size].tolist())


def balanced_draw(sizes: Sequence[int], total: int, seed: int, epoch: int) -> np.ndarray:
    """An epoch's clips, as many of each set, in random order.

    Each set is gone through in rounds, over and over, each in another order; an epoch goes on where
    the one before ended. So no clip comes again before all others of its set have come as often.

    Args:
        sizes: clips of each set; the sets lie one after the other.
        total: clips of an epoch: ``total // len(sizes)`` of each set, or one more.
        seed: of the orders.
        epoch: from 0.

    Returns:
        Numbers of clips, int64 [total].
    """
    first = np.cumsum([0, *sizes[:-1]])
    quota = [total // len(sizes) + (number < total % len(sizes)) for number in range(len(sizes))]
    drawn = [
        first[number] + _next_part(sizes[number], quota[number], epoch, (seed, number))
        for number in range(len(sizes))
    ]
    order = np.random.default_rng((seed, len(sizes), epoch))
    return order.permutation(np.concatenate(drawn))


def _next_part(size: int, quota: int, epoch: int, seed: tuple[int, ...]) -> np.ndarray:
    """The epoch's part of the endless sequence of a set's rounds, int64 [quota]."""
    start = epoch * quota
    skipped = start // size
    rounds = [
        np.random.default_rng((*seed, number)).permutation(size)
        for number in range(skipped, (start + quota) // size + 1)
    ]
    return np.concatenate(rounds)[start - skipped * size :][:quota]
