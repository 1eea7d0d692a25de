"""Base class of the benchmarks: official lists choose a dataset's clips and their labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from masa_mm.datasets.clip_selection import DatasetError, check_class_order, labels_by_name
from masa_mm.datasets.official_clip import ClipRangeError, FrameRange, OfficialClip, OfficialList
from masa_mm.datasets.official_lists import read_rows
from masa_mm.datasets.sign_pose_dataset import SignPoseDataset
from masa_mm.pose.files import read_class_list
from masa_mm.pose.store_format import clip_hash


class Coverage(NamedTuple):
    """Number of a split's clips in the official list, and of those that the data has."""

    name: str  # of the benchmark and subset
    split: str
    found: int
    official: int
    is_benchmark: bool = True  # False: a list of the user's own

    def __str__(self) -> str:
        # Without a split, an own list would give 'listed listed clips'.
        kind = dict.fromkeys(("official" if self.is_benchmark else "listed", self.split))
        return f"{self.name}: {self.found} of {self.official} {' '.join(kind)} clips"


class OfficialSplit(NamedTuple):
    """A split by the official lists."""

    clips: list[OfficialClip]
    classes: list[str] | None  # names, if the lists have them
    size: int  # classes of the smallest subset that contains the lists


class SignBenchmark(SignPoseDataset):
    """Base class of the benchmarks. Subclasses define class attributes and read their lists.

    With ``split_file``, the official list chooses the clips of the split and gives their labels,
    and their signers if the files have none. ``coverage`` counts the clips found. A store with
    other labels is refused; labels of another class list are compared by name. If a file holds a
    whole video under its video id, the list's clips are cut out of it at the list's frame rate.
    Without a list, the files' split and labels are used.

    Args:
        ann_file (str | Sequence[str]): See :class:`SignPoseDataset`.
        pipeline (list): The transforms.
        split (str, optional): A name in ``SPLITS`` or ``OUT_OF_TRAIN``.
        subset (int, optional): Number of classes, one of ``SUBSETS``; keeps the labels below it.
        split_file (str, optional): The official list, relative to ``data_root``. '{split}' stands
            for the split's name, as in 'MSASL_{split}.json'.
        class_list (str, optional): File of the class names in label order.
        **kwargs (Any): Options of :class:`SignPoseDataset`.

    Raises:
        DatasetError: If split or subset is unknown, labels contradict the official list, or a
            clip's frames lie beyond the video that it is cut from.
        ListError: If an official file cannot be read.
    """

    NAME = ""
    NUM_CLASSES = 0
    PATHS = ("exclude", "split_file", "class_file")
    SPLITS: dict[str, tuple[str, ...]] = dict(
        train=("train",), val=("val",), test=("test",), trainval=("train", "val")
    )
    # Splits made from the official train split.
    OUT_OF_TRAIN: tuple[str, ...] = ()

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
        known = (*self.SPLITS, *self.OUT_OF_TRAIN)
        if split is not None and split not in known:
            raise DatasetError(
                f"{type(self).__name__} has no split '{split}'; it has {', '.join(known)}"
            )
        self.split_file, self.class_file = split_file, class_list
        self.coverage: Coverage | None = None
        super().__init__(ann_file, pipeline=pipeline, split=split, subset=subset, **kwargs)

    @classmethod
    def read_list(cls, path: str, classes: Sequence[str] | None = None) -> OfficialList:
        """Read all clips of an official file; ``classes`` is for lists that name classes."""
        return read_rows(path, classes)

    @classmethod
    def read_classes(cls, path: str) -> list[str]:
        """Read the class names of a file, in label order."""
        return read_class_list(path)

    @classmethod
    def official_split(
        cls, split_file: str, split: str | None = None, classes: Sequence[str] | None = None
    ) -> OfficialSplit:
        """Read a split's clips from the official file, or files if its name has ``{split}``.

        Args:
            split_file (str): Path of the official list.
            split (str, optional): Name in ``SPLITS``; None: all clips.
            classes (Sequence[str], optional): Class names for lists that name classes.

        Raises:
            DatasetError: If a file of one split is given for several, or labels are out of range.
        """
        single = tuple(name for name, members in cls.SPLITS.items() if members == (name,))
        members = cls.SPLITS[split] if split else single
        # One path for each split, or the same one for all.
        paths = dict.fromkeys(split_file.replace("{split}", member) for member in members)
        lists = [cls.read_list(path, classes) for path in paths]
        clips = [clip for official in lists for clip in official.clips]
        one_split = any(clip.split is None for clip in clips)
        if one_split and split is not None and len(paths) < len(members):
            raise DatasetError(
                f"{split_file}: is the list of one split, '{split}' needs "
                f"{' and '.join(members)}; write '{{split}}' for the split's name in split_file"
            )
        # Only a list of all splits certainly contains every class of its subset.
        size = cls._size_of_list(split_file, clips)
        # A list without splits is the list of the requested one.
        chosen = [clip for clip in clips if clip.split in (None, *members)]
        return OfficialSplit(chosen, lists[0].classes, cls.NUM_CLASSES if one_split else size)

    @classmethod
    def _size_of_list(cls, split_file: str, clips: list[OfficialClip]) -> int:
        """Return the smallest subset that contains all labels of an official list."""
        labels = [clip.label for clip in clips] or [0]
        first, last = min(labels), max(labels)
        if first < 0 or last >= cls.NUM_CLASSES:
            raise DatasetError(
                f"{split_file}: has label {min(first, 0) or last}, {cls.NAME} has "
                f"{cls.NUM_CLASSES} classes; labels count from 0"
            )
        return min(size for size in cls.SUBSETS if size > last)

    # ---- classes -------------------------------------------------------------------------------

    def _class_list(self) -> list[str]:
        by_file = self.read_classes(self.class_file) if self.class_file is not None else None
        official = self._official = self._read_official(by_file)
        listed = by_file or (official and official.classes)
        names = listed or super()._class_list()
        size = self.subset or (official and official.size) or len(names)
        if len(names) < size and listed:
            raise DatasetError(
                f"{self.class_file or self.split_file}: names {len(names)} classes, "
                f"{self._title(size)} has {size}; give the complete class list"
            )
        if official:
            labels = (labels_by_name(poses.label, poses.glosses, names) for poses in self._poses)
            self._label = np.concatenate([*labels])
        else:
            for path, poses in zip(self.files, self._poses):
                check_class_order(path, poses.glosses, self.class_file, listed or ())
        return [*names[:size], *map(str, range(len(names), size))]

    def _read_official(self, classes: list[str] | None) -> OfficialSplit | None:
        """Read the requested split from the official lists; None if no list was given."""
        if self.split_file is None:
            return None
        split = "train" if self.split in self.OUT_OF_TRAIN else self.split
        return self.official_split(self.split_file, split, classes)

    def _title(self, size: int) -> str:
        return f"{self.NAME}{size}" if len(self.SUBSETS) > 1 else self.NAME

    # ---- clips ---------------------------------------------------------------------------------

    def load_data_list(self) -> np.ndarray:
        """Open the files and return the indices of the list's clips, int64 [clips]."""
        chosen = super().load_data_list()
        self._official = None  # not needed by the workers
        return chosen

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Return a clip's ``results``, cut out of its video if the file holds the whole video."""
        info = super().get_data_info(idx)
        number = int(self.data_list[idx])
        if number in self._cuts:
            name, _ = self._cuts[number]
            frames = self._frames_in_video(number, info["total_frames"])
            info.update(
                frame_dir=name,
                clip_id=clip_hash(self._poses[self._file[number]].source, name),
                keypoint=info["keypoint"][:, frames],
                keypoint_score=info["keypoint_score"][:, frames],
                total_frames=frames.stop - frames.start,
            )
        if info["signer"] < 0:
            info["signer"] = self._signers.get(info["frame_dir"], -1)
        return info

    @property
    def num_frames(self) -> np.ndarray:
        """Frames of each clip after cutting, int64 [len(self)]."""
        frames = super().num_frames
        for index in np.flatnonzero(np.isin(self.data_list, list(self._cuts))).tolist():
            part = self._frames_in_video(int(self.data_list[index]), int(frames[index]))
            frames[index] = part.stop - part.start
        return frames

    def _frames_in_video(self, number: int, total_frames: int) -> slice:
        name, frames = self._cuts[number]
        try:
            return frames.within(total_frames)
        except ClipRangeError as error:
            video = self._poses[self._file[number]].ids[self._clip[number]]
            raise DatasetError(f"clip '{name}' of video '{video}': {error}") from None

    def _add_cuts(self, ids: Sequence[str]) -> Sequence[str]:
        """Append the official clips that are parts of whole videos in the files."""
        official = {clip.id: clip for clip in self._official.clips} if self._official else {}
        row = {name: number for number, name in enumerate(ids)} if official else {}
        cuts = [
            (clip, row[video])
            for clip in official.values()
            if clip.id not in row
            for video in clip.videos
            if video in row
        ]
        self._cuts = {
            len(ids) + number: (clip.id, clip.frames or FrameRange(0))
            for number, (clip, _) in enumerate(cuts)
        }
        self._signers = {name: clip.signer for name, clip in official.items() if clip.signer >= 0}
        rows = np.array([number for _, number in cuts], np.int64)
        self._file = np.concatenate([self._file, self._file[rows]])
        self._clip = np.concatenate([self._clip, self._clip[rows]])
        self._label = np.concatenate([self._label, np.full(len(cuts), -1)])
        return [*ids, *(clip.id for clip, _ in cuts)] if cuts else ids

    def _split_of_pickle(self) -> str | None:
        return None if self.split_file else self.split

    def _choose(
        self, ids: Sequence[str], label: np.ndarray, classes: list[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        if self._official is None:
            return self._choose_without_list(ids, label), label
        title = self._title(len(classes))
        if self._official.size < len(classes):
            raise DatasetError(
                f"{self.split_file}: is the list of {self._title(self._official.size)}; "
                f"give that of {title}"
            )
        official = {
            clip.id: clip.label for clip in self._official.clips if clip.label < len(classes)
        }
        chosen = np.array([n for n, name in enumerate(ids) if name in official], np.int64)
        if official and not len(chosen):
            raise DatasetError(
                f"{self._name()}: has no clip in {', '.join(self.files)}; the first clip of "
                f"{self.split_file} is '{next(iter(official))}', theirs is '{ids[0]}'"
            )
        listed = np.full(len(ids), -1, np.int64)
        listed[chosen] = [official[ids[number]] for number in chosen]
        self._check_labels(ids, label, listed, chosen)
        counts = len(chosen), len(official)
        self.coverage = Coverage(title, self._split_title(), *counts, self.is_benchmark())
        self._log(str(self.coverage))
        return chosen, listed

    @classmethod
    def is_benchmark(cls) -> bool:
        """Whether the list is the official one of a benchmark, which has fixed classes."""
        return cls.NUM_CLASSES > 0

    def _split_title(self) -> str:
        return self.split or "listed"

    def _choose_without_list(self, ids: Sequence[str], label: np.ndarray) -> np.ndarray:
        self._check_split()
        chosen = np.arange(len(ids))
        if self.subset is not None:
            chosen = np.flatnonzero((label >= 0) & (label < self.subset))
        self._log(f"{self._name()}: {len(chosen)} clips; no official list (split_file) was given")
        return chosen

    def _check_labels(
        self, ids: Sequence[str], label: np.ndarray, listed: np.ndarray, chosen: np.ndarray
    ) -> None:
        other = (label[chosen] >= 0) & (label[chosen] != listed[chosen])
        if other.any():
            number = int(chosen[other.argmax()])
            raise DatasetError(
                f"{self.files[self._file[number]]}: clip '{ids[number]}' has label "
                f"{label[number]}, {self.split_file} says {listed[number]} ({other.sum()} of "
                f"{len(chosen)} clips differ); make the store with {self.NAME}'s class list"
            )
