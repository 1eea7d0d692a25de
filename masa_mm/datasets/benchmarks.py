"""The four benchmarks of MASA (arXiv 2405.20666, section IV-A): classes, subsets and splits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmaction.registry import DATASETS

from masa_mm.datasets.clip_selection import DatasetError, stratified_share
from masa_mm.datasets.held_out import HeldOutOfTrain
from masa_mm.datasets.official_clip import OfficialClip, OfficialList
from masa_mm.datasets.official_lists import file_id, read_json, read_msasl, read_wlasl
from masa_mm.datasets.sign_benchmark import Coverage, OfficialSplit, SignBenchmark

__all__ = [
    "BENCHMARKS",
    "Coverage",
    "MSASLPose",
    "NMFsCSLPose",
    "SLR500Pose",
    "SignBenchmark",
    "WLASLPose",
    "slr500_signer",
]


@DATASETS.register_module()
class WLASLPose(SignBenchmark):
    """WLASL: 2000 signs of American Sign Language, web video (Li et al., WACV 2020).

    ``split_file``: ``nslt_{100,300,1000,2000}.json`` or ``WLASL_v0.3.json`` (also ``.gz``); clips
    are named by their ``video_id``; a file of whole videos, named by their YouTube ids, is cut by
    the frames of ``WLASL_v0.3.json``.

    Example:
        >>> official = dict(split='train', subset=300, split_file='nslt_300.json')
        >>> dataset = WLASLPose('wlasl_train.safetensors', [], **official)
        >>> print(dataset.coverage)
        WLASL300: 1897 of 3549 official train clips
    """

    NAME = "WLASL"
    NUM_CLASSES = 2000
    SUBSETS = (100, 300, 1000, 2000)

    @classmethod
    def read_list(cls, path: str, classes: Sequence[str] | None = None) -> OfficialList:
        return read_wlasl(path)


@DATASETS.register_module()
class MSASLPose(SignBenchmark):
    """MS-ASL: 1000 signs of American Sign Language, web video (Vaezi Joze and Koller, BMVC 2019).

    ``split_file``: 'MSASL_{split}.json'; ``class_list``: ``MSASL_classes.json``. The lists give
    clips no name: here it is ``{YouTube id}_{start}_{end}``, see
    :func:`masa_mm.datasets.official_lists.msasl_id`. Files may hold whole videos, named by their
    YouTube ids: the clips are then cut out of them.
    """

    NAME = "MSASL"
    NUM_CLASSES = 1000
    SUBSETS = (100, 200, 500, 1000)

    @classmethod
    def read_list(cls, path: str, classes: Sequence[str] | None = None) -> OfficialList:
        return read_msasl(path)

    @classmethod
    def read_classes(cls, path: str) -> list[str]:
        """``MSASL_classes.json``, or a text file of names."""
        if not path.endswith(".json"):
            return super().read_classes(path)
        return [str(name) for name in read_json(path)]


@DATASETS.register_module()
class NMFsCSLPose(HeldOutOfTrain):
    """NMFs-CSL: 1067 signs of Chinese Sign Language, laboratory (Hu et al., ACM TOMM 2021).

    ``split_file``: a list of "file name, label" lines a split, such as 'nmfs_{split}.txt', with
    labels from 0 or names of ``class_list``. Clips are named by their files.

    Args:
        val_ratio (float): share of each class's official train clips that is 'val' (at least one)
            and not 'train'; the same clips each time. 0: there is no 'val', 'train' is all.
        *args, **kwargs: of :class:`SignBenchmark`.
    """

    NAME = "NMFsCSL"
    NUM_CLASSES = 1067
    SUBSETS = (1067,)
    HOLD_OUT = "val_ratio=0.1"

    def __init__(self, *args: Any, val_ratio: float = 0.0, **kwargs: Any) -> None:
        if not 0 <= val_ratio < 1:
            raise DatasetError(f"val_ratio is a share in [0, 1), got {val_ratio}")
        self.val_ratio = val_ratio
        super().__init__(*args, **kwargs)

    def _holds_out(self) -> bool:
        return self.val_ratio > 0

    def _held_out(self, clips: list[OfficialClip]) -> np.ndarray:
        held_out = np.zeros(len(clips), bool)
        if self.val_ratio:
            # By name: the order of the list's lines must not move clips from train to val.
            order = np.array(sorted(range(len(clips)), key=lambda number: clips[number].id))
            labels = np.array([clip.label for clip in clips])
            held_out[stratified_share(order, labels, self.val_ratio)] = True
        return held_out

    def _choose_without_list(
        self, ids: Sequence[str], label: np.ndarray, classes: list[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        if self.split in ("val", "trainval") or (self.split == "train" and self.val_ratio):
            raise DatasetError(
                f"{type(self).__name__}: split '{self.split}' is part of the official train; "
                "give its list, split_file"
            )
        return super()._choose_without_list(ids, label, classes)


@DATASETS.register_module()
class SLR500Pose(HeldOutOfTrain):
    """SLR500: 500 signs of Chinese Sign Language, 50 signers (Zhang et al., ICME 2016).

    Clips are named as their videos, 'P09_01_00_3': signer 9, and so on. The split is the signers':
    ``train_signers`` are 'train', all others 'test'. ``split_file`` says which clips there are and
    their labels: 'slr500_split.{split}.csv' (``video_path,class_name``) with ``class_list``
    ``slr500_gloss_label.txt``.

    Args:
        train_signers (Sequence[int], optional): who is in 'train'; MASA's protocol has 36 of the 50
            signers there. None: the list's own split, and without a list signers 1 to 36.
        val_signers (Sequence[int]): those of them who are 'val' and not 'train'. None: no 'val'.
        *args, **kwargs: of :class:`SignBenchmark`.
    """

    NAME = "SLR500"
    NUM_CLASSES = 500
    SUBSETS = (500,)
    HOLD_OUT = "val_signers=(33, 34, 35, 36)"
    TRAIN_SIGNERS = tuple(range(1, 37))

    def __init__(
        self,
        *args: Any,
        train_signers: Sequence[int] | None = None,
        val_signers: Sequence[int] = (),
        **kwargs: Any,
    ) -> None:
        self.train_signers = None if train_signers is None else tuple(train_signers)
        self.val_signers = tuple(val_signers)
        super().__init__(*args, **kwargs)

    @classmethod
    def read_list(cls, path: str, classes: Sequence[str] | None = None) -> OfficialList:
        official = super().read_list(path, classes)
        clips = [clip._replace(signer=slr500_signer(clip.id)) for clip in official.clips]
        return official._replace(clips=clips)

    def _read_official(self, classes: list[str] | None) -> OfficialSplit | None:
        if self.split_file is None or self.split is None or self.train_signers is None:
            return super()._read_official(classes)
        official = self.official_split(self.split_file, None, classes)
        names = [clip.id for clip in official.clips]
        return official._replace(clips=[official.clips[n] for n in self._by_signer(names)])

    def _holds_out(self) -> bool:
        return len(self.val_signers) > 0

    def _held_out(self, clips: list[OfficialClip]) -> np.ndarray:
        return np.isin([clip.signer for clip in clips], self.val_signers)

    def _split_of_pickle(self) -> str | None:
        return None

    def _choose_without_list(
        self, ids: Sequence[str], label: np.ndarray, classes: list[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        if self.split is None:
            return super()._choose_without_list(ids, label, classes)
        chosen = self._by_signer(ids)
        self._log(f"{self._name()}: {len(chosen)} clips, by signer; no official list was given")
        return chosen, label

    def _by_signer(self, names: Sequence[str]) -> np.ndarray:
        """Numbers of the split's clips, by the signers in their names."""
        signers = np.array([slr500_signer(name) for name in names])
        if (signers < 0).any():
            raise DatasetError(
                f"{self.files[0]}: clip '{names[int((signers < 0).argmax())]}' is not named as "
                "SLR500's videos (P09_01_00_3), which tell the split; name it so or give split_file"
            )
        in_train = np.isin(signers, self.train_signers or self.TRAIN_SIGNERS)
        in_val = in_train & np.isin(signers, self.val_signers)
        self._check_held_out(in_val)
        of_split = dict(train=in_train & ~in_val, val=in_val, trainval=in_train, test=~in_train)
        return np.flatnonzero(of_split[self.split])


def slr500_signer(name: str | os.PathLike) -> int:
    """The signer in the name of an SLR500 video ('P09_01_00_3' -> 9); -1 if it tells none."""
    first = file_id(str(name)).split("_")[0]
    return int(first[1:]) if first[:1] == "P" and first[1:].isdigit() else -1


# By the names that tools take.
BENCHMARKS: dict[str, type[SignBenchmark]] = dict(
    wlasl=WLASLPose, msasl=MSASLPose, nmfs_csl=NMFsCSLPose, slr500=SLR500Pose
)
