"""The four benchmarks of MASA (arXiv 2405.20666, section IV-A), and the names of all."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmaction.registry import DATASETS

from masa_mm.datasets.clip_selection import DatasetError
from masa_mm.datasets.csv_pose import CSVPose
from masa_mm.datasets.held_out_split import HeldOutOfTrain
from masa_mm.datasets.listed_benchmarks import (
    ASLCitizenPose,
    AUTSLPose,
    BosphorusSign22kPose,
    DEVISIGNPose,
    GSLPose,
    INCLUDEPose,
    LSA64Pose,
)
from masa_mm.datasets.official_clip import OfficialList
from masa_mm.datasets.official_lists import ListError, read_json, read_msasl, read_wlasl
from masa_mm.datasets.sign_benchmark import OfficialSplit, SignBenchmark
from masa_mm.option_checks import checked_options, wholes
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
        if not path.endswith((".json", ".json.gz")):
            return super().read_classes(path)
        names = read_json(path)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ListError(f"{path}: no list of class names; give MSASL_classes.json")
        return names


@DATASETS.register_module()
class NMFsCSLPose(HeldOutOfTrain):
    """NMFs-CSL: 1067 signs of Chinese Sign Language, laboratory (Hu et al., ACM TOMM 2021).

    ``split_file`` is a list of "file name, label" lines per split, such as 'nmfs_{split}.txt', with
    labels from 0 or names of ``class_list``. A clip's id is its file's name.
    """

    NAME = "NMFsCSL"
    NUM_CLASSES = 1067
    SUBSETS = (1067,)


@DATASETS.register_module()
@checked_options(train_signers=wholes(0, optional=True))
class SLR500Pose(HeldOutOfTrain):
    """SLR500: 500 signs of Chinese Sign Language, 50 signers (Zhang et al., ICME 2016).

    A clip's id is its video's name, 'P09_01_00_3' for signer 9. Signers are split:
    ``train_signers`` are 'train', all others 'test'. ``split_file`` lists the clips and their
    labels: 'slr500_split.{split}.csv' (``video_path,class_name``), with ``class_list``
    ``slr500_gloss_label.txt``.

    Args:
        *args (Any): Positional arguments of :class:`HeldOutOfTrain`.
        train_signers (Sequence[int], optional): The signers of 'train', in MASA's protocol 36 of
            50. None: the list's split, or without a list signers 1 to 36.
        **kwargs (Any): Options of :class:`HeldOutOfTrain`.
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
        **kwargs: Any,
    ) -> None:
        self.train_signers = None if train_signers is None else tuple(train_signers)
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

    def _split_of_pickle(self) -> str | None:
        return None

    def _choose_without_list(self, ids: Sequence[str], label: np.ndarray) -> np.ndarray:
        if self.split is None or self.val_ratio > 0:
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
    match = re.fullmatch(r"P([0-9]{1,9})", file_id(str(name)).split("_")[0])
    return int(match[1]) if match else -1


# Names of the benchmarks on the command line.
BENCHMARKS: dict[str, type[SignBenchmark]] = dict(
    csv=CSVPose,
    wlasl=WLASLPose,
    msasl=MSASLPose,
    nmfs_csl=NMFsCSLPose,
    slr500=SLR500Pose,
    asl_citizen=ASLCitizenPose,
    autsl=AUTSLPose,
    gsl=GSLPose,
    include=INCLUDEPose,
    bosphorus=BosphorusSign22kPose,
    devisign=DEVISIGNPose,
    lsa64=LSA64Pose,
)
