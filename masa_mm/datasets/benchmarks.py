"""The four benchmarks of MASA (arXiv 2405.20666, section IV-A): classes, subsets and splits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmaction.registry import DATASETS

from masa_mm.datasets.clip_selection import DatasetError, stratified_share
from masa_mm.datasets.csv_pose import CSVPose
from masa_mm.datasets.official_clip import OfficialClip, OfficialList
from masa_mm.datasets.official_lists import read_json, read_msasl, read_wlasl
from masa_mm.datasets.sign_benchmark import OfficialSplit, SignBenchmark
from masa_mm.pose.clip_ids import file_id


@DATASETS.register_module()
class WLASLPose(SignBenchmark):
    """WLASL: 2000 signs of American Sign Language, web video (Li et al., WACV 2020).

    ``split_file`` is ``nslt_{100,300,1000,2000}.json`` or ``WLASL_v0.3.json`` (or ``.gz``). The id
    of a clip is its ``video_id``. Whole videos (named by their YouTube ids) are cut by
    ``WLASL_v0.3.json``.

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
        """Read one of WLASL's lists."""
        return read_wlasl(path)


@DATASETS.register_module()
class MSASLPose(SignBenchmark):
    """MS-ASL: 1000 signs of American Sign Language, web video (Vaezi Joze and Koller, BMVC 2019).

    ``split_file`` is 'MSASL_{split}.json', ``class_list`` is ``MSASL_classes.json``. The lists have
    no clip ids; this package uses ``{YouTube id}_{start}_{end}``
    (:func:`masa_mm.datasets.official_lists.msasl_id`). Clips are cut out of whole videos, which are
    named by their YouTube ids.
    """

    NAME = "MSASL"
    NUM_CLASSES = 1000
    SUBSETS = (100, 200, 500, 1000)

    @classmethod
    def read_list(cls, path: str, classes: Sequence[str] | None = None) -> OfficialList:
        """Read one of MS-ASL's lists."""
        return read_msasl(path)

    @classmethod
    def read_classes(cls, path: str) -> list[str]:
        """Read ``MSASL_classes.json``, or a text file of names."""
        if not path.endswith(".json"):
            return super().read_classes(path)
        return [str(name) for name in read_json(path)]


class HeldOutOfTrain(SignBenchmark):
    """Base class of benchmarks without a val split.

    'val' is the part of the official train split that a subclass holds out, 'train' the rest, and
    'trainval' the whole official train split.
    """

    SPLITS = dict(train=("train",), test=("test",))
    OUT_OF_TRAIN = ("val", "trainval")
    # The option that holds clips out, for error messages.
    HOLD_OUT = ""
    # Whether it is set.
    holds_out: bool

    def _read_official(self, classes: list[str] | None) -> OfficialSplit | None:
        official = super()._read_official(classes)
        if official is None or self.split not in ("train", "val"):
            return official
        held_out = self._held_out(official.clips)
        self._check_held_out(held_out)
        chosen = held_out == (self.split == "val")
        return official._replace(clips=[clip for clip, ok in zip(official.clips, chosen) if ok])

    def _check_held_out(self, held_out: np.ndarray) -> None:
        if self.split == "val" and not held_out.any():
            raise DatasetError(
                f"{self.NAME} has no val split: hold out part of train, {self.HOLD_OUT}"
            )

    def _held_out(self, clips: list[OfficialClip]) -> np.ndarray:
        """Return which clips of the official train split are val, bool [clips]."""
        raise NotImplementedError

    def _split_title(self) -> str:
        train = "train (less held out)" if self.holds_out else "train"
        titles = dict(train=train, val="train (held out)", trainval="train")
        return titles.get(self.split or "", super()._split_title())


@DATASETS.register_module()
class NMFsCSLPose(HeldOutOfTrain):
    """NMFs-CSL: 1067 signs of Chinese Sign Language, laboratory (Hu et al., ACM TOMM 2021).

    ``split_file`` is a list of "file name, label" lines per split, such as 'nmfs_{split}.txt', with
    labels from 0 or names of ``class_list``. A clip's id is its file's name.

    Args:
        *args (Any): Positional arguments of :class:`SignBenchmark`.
        val_ratio (float): Share of each class's official train clips (at least one) that is 'val'
            instead of 'train', always the same clips. 0: there is no 'val'.
        **kwargs (Any): Options of :class:`SignBenchmark`.
    """

    NAME = "NMFsCSL"
    NUM_CLASSES = 1067
    SUBSETS = (1067,)
    HOLD_OUT = "val_ratio=0.1"

    def __init__(self, *args: Any, val_ratio: float = 0.0, **kwargs: Any) -> None:
        if not 0 <= val_ratio < 1:
            raise DatasetError(f"val_ratio must lie in [0, 1), got {val_ratio}")
        self.val_ratio = val_ratio
        self.holds_out = val_ratio > 0
        super().__init__(*args, **kwargs)

    def _held_out(self, clips: list[OfficialClip]) -> np.ndarray:
        held_out = np.zeros(len(clips), bool)
        if self.holds_out:
            # Sort by id, so that the result does not depend on the order of the list's lines.
            order = np.array(sorted(range(len(clips)), key=lambda number: clips[number].id))
            labels = np.array([clip.label for clip in clips])
            held_out[stratified_share(order, labels, self.val_ratio)] = True
        return held_out

    def _choose_without_list(self, ids: Sequence[str], label: np.ndarray) -> np.ndarray:
        if self.split in ("val", "trainval") or (self.split == "train" and self.holds_out):
            raise DatasetError(
                f"{type(self).__name__}: split '{self.split}' is part of the official train split; "
                "give its list, split_file"
            )
        return super()._choose_without_list(ids, label)


@DATASETS.register_module()
class SLR500Pose(HeldOutOfTrain):
    """SLR500: 500 signs of Chinese Sign Language, 50 signers (Zhang et al., ICME 2016).

    A clip's id is its video's name, 'P09_01_00_3' for signer 9. Signers are split:
    ``train_signers`` are 'train', all others 'test'. ``split_file`` lists the clips and their
    labels: 'slr500_split.{split}.csv' (``video_path,class_name``), with ``class_list``
    ``slr500_gloss_label.txt``.

    Args:
        *args (Any): Positional arguments of :class:`SignBenchmark`.
        train_signers (Sequence[int], optional): The signers of 'train', in MASA's protocol 36 of
            50. None: the list's split, or without a list signers 1 to 36.
        val_signers (Sequence[int]): Those of them who are 'val' instead of 'train'.
        **kwargs (Any): Options of :class:`SignBenchmark`.
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
        self.holds_out = len(self.val_signers) > 0
        super().__init__(*args, **kwargs)

    @classmethod
    def read_list(cls, path: str, classes: Sequence[str] | None = None) -> OfficialList:
        """Read a list of file names and labels; the names contain the signers."""
        official = super().read_list(path, classes)
        clips = [clip._replace(signer=slr500_signer(clip.id)) for clip in official.clips]
        return official._replace(clips=clips)

    def _read_official(self, classes: list[str] | None) -> OfficialSplit | None:
        if self.split_file is None or self.split is None or self.train_signers is None:
            return super()._read_official(classes)
        official = self.official_split(self.split_file, None, classes)
        chosen = self._by_signer(self.split, [clip.id for clip in official.clips])
        return official._replace(clips=[official.clips[number] for number in chosen])

    def _held_out(self, clips: list[OfficialClip]) -> np.ndarray:
        return np.isin([clip.signer for clip in clips], self.val_signers)

    def _split_of_pickle(self) -> str | None:
        return None

    def _choose_without_list(self, ids: Sequence[str], label: np.ndarray) -> np.ndarray:
        if self.split is None:
            return super()._choose_without_list(ids, label)
        chosen = self._by_signer(self.split, ids)
        self._log(f"{self._name()}: {len(chosen)} clips, by signer; no official list was given")
        return chosen

    def _by_signer(self, split: str, names: Sequence[str]) -> np.ndarray:
        """Return the indices of a split's clips, by the signers in their ids."""
        signers = np.array([slr500_signer(name) for name in names])
        if (signers < 0).any():
            raise DatasetError(
                f"{self.files[0]}: clip '{names[int((signers < 0).argmax())]}' is not named "
                "like SLR500's videos (P09_01_00_3), whose signer decides the split; rename it or "
                "give split_file"
            )
        in_train = np.isin(signers, self.train_signers or self.TRAIN_SIGNERS)
        in_val = in_train & np.isin(signers, self.val_signers)
        self._check_held_out(in_val)
        of_split = dict(train=in_train & ~in_val, val=in_val, trainval=in_train, test=~in_train)
        return np.flatnonzero(of_split[split])


def slr500_signer(name: str | os.PathLike) -> int:
    """Return the signer in the name of an SLR500 video ('P09_01_00_3' -> 9), -1 if none."""
    first = file_id(str(name)).split("_")[0]
    return int(first[1:]) if first[:1] == "P" and first[1:].isdigit() else -1


# Names of the benchmarks on the command line.
BENCHMARKS: dict[str, type[SignBenchmark]] = dict(
    csv=CSVPose, wlasl=WLASLPose, msasl=MSASLPose, nmfs_csl=NMFsCSLPose, slr500=SLR500Pose
)
