"""The four benchmarks of MASA (arXiv 2405.20666, section IV-A): classes, subsets and splits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from mmaction.registry import DATASETS

from .official_lists import (
    OfficialClip,
    OfficialList,
    file_id,
    read_json,
    read_msasl,
    read_rows,
    read_wlasl,
)
from .sign_pose_dataset import DatasetError, SignPoseDataset
from .sources.base import read_class_list


class Coverage(NamedTuple):
    """How many of a split's official clips the data has."""

    name: str
    split: str
    found: int
    official: int

    def __str__(self) -> str:
        return f"{self.name}: {self.found} of {self.official} official {self.split} clips"


class SignBenchmark(SignPoseDataset):
    """What the benchmarks share. A subclass names its facts and reads its official list.

    With ``split_file`` the official list decides: chosen are the clips whose id it has in the
    split, their labels are its labels, and ``coverage`` says how many of it there are. A store that
    is labelled otherwise is refused. Without it the file's own split and labels hold.

    Args:
        ann_file, pipeline, **kwargs: of :class:`SignPoseDataset`.
        split (str, optional): a name in ``SPLITS``; 'trainval' is an explicit choice.
        subset (int, optional): number of classes, one of ``SUBSETS``: the labels below it.
        split_file (str, optional): the official list; for one file a split write its place, as in
            'MSASL_{split}.json'. Relative to ``data_root``.
        class_list (str, optional): file of the class names in the order of their labels.

    Raises:
        DatasetError: an unknown split or subset, or labels that contradict the official list.
        FileNotFoundError, ListError: an official file is missing or cannot be read.
    """

    NAME = ""
    NUM_CLASSES = 0
    SUBSETS: tuple[int, ...] = ()
    SPLITS: dict[str, tuple[str, ...]] = dict(
        train=("train",), val=("val",), test=("test",), trainval=("train", "val")
    )

    def __init__(
        self,
        ann_file: str | Sequence[str],
        pipeline: list,
        split: str | None = None,
        subset: int | None = None,
        split_file: str | None = None,
        class_list: str | None = None,
        **kwargs: Any,
    ) -> None:
        if split is not None and split not in self.SPLITS:
            raise DatasetError(
                f"{type(self).__name__} has no split '{split}'; it has {', '.join(self.SPLITS)}"
            )
        self.split_file, self.class_file = split_file, class_list
        self.coverage: Coverage | None = None
        super().__init__(ann_file, pipeline=pipeline, split=split, subset=subset, **kwargs)

    def _read_list(self, path: str) -> OfficialList:
        """All clips of an official file."""
        raise NotImplementedError

    def _read_classes(self, path: str) -> list[str]:
        return read_class_list(path)

    # ---- classes -------------------------------------------------------------------------------

    def _check_subset(self) -> None:
        if self.subset is not None and self.subset not in self.SUBSETS:
            raise DatasetError(
                f"{type(self).__name__} has no subset {self.subset!r}; it has "
                f"{', '.join(map(str, self.SUBSETS))}"
            )

    def _class_list(self) -> list[str]:
        self._official = self._read_official()
        named = self._classes_by_file or self._classes_by_list or super()._class_list()
        size = self.subset or self._listed_size or len(named)
        if len(named) < size and (self._classes_by_file or self._classes_by_list):
            raise DatasetError(
                f"{self.class_file or self.split_file}: names {len(named)} classes, "
                f"{self._title(size)} has {size}; give the whole class list"
            )
        return [*named[:size], *map(str, range(len(named), size))]

    def _size_of_list(self, clips: list[OfficialClip]) -> int:
        """The smallest subset that holds all labels of an official list."""
        last = max((clip.label for clip in clips), default=0)
        if last >= self.NUM_CLASSES:
            raise DatasetError(
                f"{self.split_file}: has label {last}, {self.NAME} has {self.NUM_CLASSES} classes; "
                "labels count from 0"
            )
        return min(size for size in self.SUBSETS if size > last)

    def _title(self, size: int) -> str:
        return f"{self.NAME}{size}" if len(self.SUBSETS) > 1 else self.NAME

    # ---- clips ---------------------------------------------------------------------------------

    def _split_of_pickle(self) -> str | None:
        return None if self.split_file else self.split

    def _choose(
        self, ids: list[str], label: np.ndarray, classes: list[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        if self._official is None:
            return self._choose_without_list(ids, label, classes)
        title = self._title(len(classes))
        if self._listed_size < len(classes):
            raise DatasetError(
                f"{self.split_file}: is the list of {self._title(self._listed_size)}; "
                f"give that of {title}"
            )
        official = {clip.id: clip.label for clip in self._official if clip.label < len(classes)}
        chosen = np.array([n for n, name in enumerate(ids) if name in official], np.int64)
        listed = np.full(len(ids), -1, np.int64)
        listed[chosen] = [official[ids[number]] for number in chosen]
        self._check_labels(ids, label, listed, chosen)
        self.coverage = Coverage(title, self.split or "listed", len(chosen), len(official))
        self._log(str(self.coverage))
        return chosen, listed

    def _choose_without_list(
        self, ids: list[str], label: np.ndarray, classes: list[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        chosen, label = super()._choose(ids, label, classes)
        if self.subset is not None:
            chosen = chosen[(label[chosen] >= 0) & (label[chosen] < self.subset)]
        self._log(f"{self._name()}: {len(chosen)} clips; no official list (split_file) was given")
        return chosen, label

    def _check_labels(
        self, ids: list[str], label: np.ndarray, listed: np.ndarray, chosen: np.ndarray
    ) -> None:
        other = (label[chosen] >= 0) & (label[chosen] != listed[chosen])
        if other.any():
            number = int(chosen[other.argmax()])
            raise DatasetError(
                f"{self.files[self._file[number]]}: clip '{ids[number]}' has label "
                f"{label[number]}, {self.split_file} says {listed[number]} ({other.sum()} of "
                f"{len(chosen)} clips differ); make the store with {self.NAME}'s own class list"
            )

    # ---- official files ----------------------------------------------------------------------

    def _read_official(self) -> list[OfficialClip] | None:
        """The split's clips by the official list; also reads the class names and their number."""
        self._classes_by_file, self._classes_by_list, self._listed_size = None, None, None
        if self.class_file is not None:
            self._classes_by_file = self._read_classes(self.class_file)
        if self.split_file is None:
            return None
        members = self.SPLITS[self.split] if self.split else self._single_splits()
        if "{split}" in self.split_file:
            paths = [self.split_file.replace("{split}", member) for member in members]
        else:
            paths = [self.split_file]
        lists = [self._read_list(path) for path in paths]
        self._classes_by_list = lists[0].classes
        clips = [clip for official in lists for clip in official.clips]
        one_split = any(clip.split is None for clip in clips)
        if one_split and self.split is not None and len(paths) < len(members):
            raise DatasetError(
                f"{self.split_file}: is the list of one split, '{self.split}' needs "
                f"{' and '.join(members)}; put '{{split}}' in its place in split_file"
            )
        # Only a list of all splits is sure to show every class of its subset.
        size = self._size_of_list(clips)
        self._listed_size = self.NUM_CLASSES if one_split else size
        # A list that names no splits is the list of the split asked for.
        return [clip for clip in clips if clip.split in (None, *members)]

    def _join_prefix(self) -> None:
        super()._join_prefix()
        if self.class_file is not None:
            self.class_file = self._under_root(self.class_file)
        if self.split_file is not None:
            self.split_file = self._under_root(self.split_file)

    def _single_splits(self) -> tuple[str, ...]:
        return tuple(name for name, members in self.SPLITS.items() if members == (name,))


@DATASETS.register_module()
class WLASLPose(SignBenchmark):
    """WLASL: 2000 signs of American Sign Language, web video (Li et al., WACV 2020).

    ``split_file``: ``nslt_{100,300,1000,2000}.json`` or ``WLASL_v0.3.json`` (also ``.gz``); clips
    are named by their ``video_id``.

    Example:
        >>> official = dict(split='train', subset=300, split_file='nslt_300.json')
        >>> dataset = WLASLPose('wlasl_train.safetensors', [], **official)
        >>> print(dataset.coverage)
        WLASL300: 1897 of 3549 official train clips
    """

    NAME = "WLASL"
    NUM_CLASSES = 2000
    SUBSETS = (100, 300, 1000, 2000)

    def _read_list(self, path: str) -> OfficialList:
        return read_wlasl(path)


@DATASETS.register_module()
class MSASLPose(SignBenchmark):
    """MS-ASL: 1000 signs of American Sign Language, web video (Vaezi Joze and Koller, BMVC 2019).

    ``split_file``: 'MSASL_{split}.json'; ``class_list``: ``MSASL_classes.json``. The lists give
    clips no name: here it is ``{YouTube id}_{start}_{end}``, see
    :func:`masa_mm.datasets.official_lists.msasl_id`.
    """

    NAME = "MSASL"
    NUM_CLASSES = 1000
    SUBSETS = (100, 200, 500, 1000)

    def _read_list(self, path: str) -> OfficialList:
        return read_msasl(path)

    def _read_classes(self, path: str) -> list[str]:
        if not path.endswith(".json"):
            return super()._read_classes(path)
        return [str(name) for name in read_json(path)]


class _RowList(SignBenchmark):
    """Benchmarks whose lists are text files of file names and labels, one file a split."""

    SPLITS = dict(train=("train",), test=("test",))

    def _read_list(self, path: str) -> OfficialList:
        return read_rows(path, self._classes_by_file)


@DATASETS.register_module()
class NMFsCSLPose(_RowList):
    """NMFs-CSL: 1067 signs of Chinese Sign Language, laboratory (Hu et al., ACM TOMM 2021).

    ``split_file``: a list of "file name, label" lines a split, such as 'nmfs_{split}.txt', with
    labels from 0 or names of ``class_list``. Clips are named by their files.
    """

    NAME = "NMFsCSL"
    NUM_CLASSES = 1067
    SUBSETS = (1067,)


@DATASETS.register_module()
class SLR500Pose(_RowList):
    """SLR500: 500 signs of Chinese Sign Language, 50 signers (Zhang et al., ICME 2016).

    ``split_file``: 'slr500_split.{split}.csv' (``video_path,class_name``) with ``class_list``
    ``slr500_gloss_label.txt``. Clips are named as their videos, 'P09_01_00_3': signer 9, and so on.
    Without ``split_file`` the signers decide, if the names tell them: see ``train_signers``.

    Args:
        train_signers (Sequence[int]): who is in 'train' where no list is given; all others are in
            'test'. 36 of 50 signers train in MASA's protocol.
        *args, **kwargs: of :class:`SignBenchmark`.
    """

    NAME = "SLR500"
    NUM_CLASSES = 500
    SUBSETS = (500,)

    def __init__(
        self, *args: Any, train_signers: Sequence[int] = tuple(range(1, 37)), **kwargs: Any
    ) -> None:
        self.train_signers = tuple(train_signers)
        super().__init__(*args, **kwargs)

    def _split_of_pickle(self) -> str | None:
        return None

    def _choose_without_list(
        self, ids: list[str], label: np.ndarray, classes: list[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        if self.split is None:
            return super()._choose_without_list(ids, label, classes)
        signers = np.array([slr500_signer(name) for name in ids])
        if (signers < 0).any():
            raise DatasetError(
                f"{self.files[0]}: clip '{ids[int((signers < 0).argmax())]}' is not named as "
                "SLR500's videos (P09_01_00_3), which tell the split; name it so or give split_file"
            )
        train = np.isin(signers, self.train_signers)
        chosen = np.flatnonzero(train if self.split == "train" else ~train)
        self._log(f"{self._name()}: {len(chosen)} clips, by signer; no official list was given")
        return chosen, label


def slr500_signer(name: str | os.PathLike) -> int:
    """The signer in the name of an SLR500 video ('P09_01_00_3' -> 9); -1 if it tells none."""
    first = file_id(str(name)).split("_")[0]
    return int(first[1:]) if first[:1] == "P" and first[1:].isdigit() else -1
