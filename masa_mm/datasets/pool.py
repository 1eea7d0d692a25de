"""Several sign datasets pooled for pretraining, and the sampler that weights them."""

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


@DATASETS.register_module()
class PooledSigns(ConcatDataset):
    """Concatenation of sign datasets, as MASA pretrains on (arXiv 2405.20666, section IV-A).

    Classes of different datasets stay separate: the pool's class names are 'WLASL/book', and labels
    are offset from one dataset to the next.

    Args:
        datasets (Sequence[dict]): Configs of :class:`SignPoseDataset` or of benchmarks, without a
            pipeline.
        pipeline (list): Transforms of all clips.
        missing (str): What to do with a dataset whose files do not exist: 'error', or 'skip' it and
            log its name.

    Raises:
        DatasetError: If files are missing and not skipped, or all are missing; names them.

    Example:
        >>> pool = PooledSigns([dict(type='WLASLPose', ann_file='wlasl_train.safetensors'),
        ...                     dict(type='MSASLPose', ann_file='msasl_train.safetensors')], [])
        >>> pool.metainfo['classes'][:2]
        ['WLASL/book', 'WLASL/drink']
    """

    def __init__(self, datasets: Sequence[dict], pipeline: list, missing: str = "error") -> None:
        if missing not in ("error", "skip"):
            raise DatasetError(f"PooledSigns: missing must be 'error' or 'skip', not '{missing}'")
        members = [DATASETS.build(dict(data, pipeline=[], lazy_init=True)) for data in datasets]
        present = _with_files(members, missing)
        self.names = _unique_names(present)
        self.pipeline = Compose(pipeline)
        super().__init__(present, ignore_keys=["classes"])

    def full_init(self) -> None:
        """Open the files of all datasets."""
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
        """Return a clip's ``results``, see :class:`SignPoseDataset`, with the pool's label."""
        info = super().get_data_info(idx)
        member, _ = self._get_ori_dataset_idx(idx)
        if info["label"] >= 0:
            info["label"] += self._first_label[member]
        info["sample_idx"] = idx % len(self)
        return info

    def __getitem__(self, idx: int) -> Any:
        return self.pipeline(self.get_data_info(idx))

    @property
    def num_frames(self) -> np.ndarray:
        """Frames of each clip, int64 [len(self)]."""
        return np.concatenate([member.num_frames for member in self.datasets])


def _with_files(members: list[SignPoseDataset], missing: str) -> list[SignPoseDataset]:
    """Return the datasets whose files exist; raise or log for the others."""
    absent = [[path for path in member.files if not Path(path).is_file()] for member in members]
    listed = "; ".join(
        f"{_name(member)} ({', '.join(paths)})" for member, paths in zip(members, absent) if paths
    )
    present = [member for member, paths in zip(members, absent) if not paths]
    if listed and (missing == "error" or not present):
        remedy = "" if missing == "skip" else ", or set missing='skip' to pretrain without them"
        raise DatasetError(
            f"PooledSigns: files do not exist: {listed}; make them (docs/data/){remedy}"
        )
    if listed:
        print_log(f"PooledSigns: skipped, files do not exist: {listed}", "current", logging.WARNING)
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
    """Sampler that sets the share of each dataset of a :class:`PooledSigns` in an epoch.

    'natural' takes every clip once. 'balanced' takes the same total, but equally many clips of each
    dataset: clips of a small dataset are repeated, and a large dataset continues in the next epoch.
    The clips of an epoch follow from the seed and the epoch's number, so resumed runs and all
    processes of a distributed run agree.

    Args:
        dataset (PooledSigns): The pool.
        sampling (str): 'natural' or 'balanced'.
        **kwargs (Any): Options of mmengine's ``DefaultSampler`` (``shuffle``, ``seed``,
            ``round_up``).

    Raises:
        DatasetError: If ``sampling`` is unknown, the dataset is no pool, or 'balanced' is used
            without shuffling.
    """

    def __init__(self, dataset: PooledSigns, sampling: str = "natural", **kwargs: Any) -> None:
        if sampling not in ("natural", "balanced"):
            raise DatasetError(
                f"PoolSampler: sampling must be natural or balanced, not '{sampling}'"
            )
        if not isinstance(dataset, PooledSigns):
            raise DatasetError(
                f"PoolSampler: needs a PooledSigns, got a {type(dataset).__name__}; "
                "use DefaultSampler"
            )
        super().__init__(dataset, **kwargs)
        if sampling == "balanced" and not self.shuffle:
            raise DatasetError("PoolSampler: balanced clips are drawn at random; set shuffle=True")
        self.sampling = sampling

    def __iter__(self) -> Iterator[int]:
        """Iterate over this process's clips of the epoch."""
        if self.sampling == "natural":
            return super().__iter__()
        sizes = [len(member) for member in self.dataset.datasets]
        indices = balanced_draw(sizes, self.total_size, self.seed, self.epoch)
        return iter(indices[self.rank :: self.world_size].tolist())


def balanced_draw(sizes: Sequence[int], total: int, seed: int, epoch: int) -> np.ndarray:
    """Draw equally many clips of each dataset for an epoch, in random order.

    Each dataset is permuted again and again, and an epoch continues where the one before ended. So
    a clip is repeated only after all others of its dataset were drawn as often.

    Args:
        sizes (Sequence[int]): Clips of each of the concatenated datasets.
        total (int): Clips of an epoch: ``total // len(sizes)`` of each dataset, or one more.
        seed (int): Seed of the permutations.
        epoch (int): From 0.

    Returns:
        np.ndarray: Indices of clips, int64 [total].
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
    """Return an epoch's part of the endless sequence of permutations, int64 [quota]."""
    start = epoch * quota
    skipped = start // size
    permutations = [
        np.random.default_rng((*seed, number)).permutation(size)
        for number in range(skipped, (start + quota) // size + 1)
    ]
    return np.concatenate(permutations)[start - skipped * size :][:quota]
