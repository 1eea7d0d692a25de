"""Benchmarks without a val split: part of their official train is held out for one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from masa_mm.datasets.clip_selection import DatasetError
from masa_mm.datasets.official_clip import OfficialClip, OfficialList
from masa_mm.datasets.official_lists import read_rows
from masa_mm.datasets.sign_benchmark import OfficialSplit, SignBenchmark


class HeldOutOfTrain(SignBenchmark):
    """Benchmarks of train and test whose lists have a line a clip; val is held out of train.

    'val' is the part of train that a subclass holds out, 'train' is what is left of it, and
    'trainval' is the whole official train.
    """

    SPLITS = dict(train=("train",), test=("test",))
    OUT_OF_TRAIN = ("val", "trainval")
    HOLD_OUT = ""

    @classmethod
    def read_list(cls, path: str, classes: Sequence[str] | None = None) -> OfficialList:
        return read_rows(path, classes)

    def _read_official(self, classes: list[str] | None) -> OfficialSplit | None:
        official = super()._read_official(classes)
        if official is None or self.split not in ("train", "val"):
            return official
        return official._replace(clips=self._less_or_held_out(official.clips))

    def _less_or_held_out(self, clips: list[OfficialClip]) -> list[OfficialClip]:
        held_out = self._held_out(clips)
        self._check_held_out(held_out)
        return [clip for clip, held in zip(clips, held_out) if held == (self.split == "val")]

    def _check_held_out(self, held_out: np.ndarray) -> None:
        if self.split == "val" and not held_out.any():
            raise DatasetError(
                f"{self.NAME} has no val split of its own: hold part of train out, {self.HOLD_OUT}"
            )

    def _held_out(self, clips: list[OfficialClip]) -> np.ndarray:
        """Which clips of the official train are val, bool [clips]."""
        raise NotImplementedError

    def _holds_out(self) -> bool:
        """Whether part of the official train is val."""
        raise NotImplementedError

    def _split_title(self) -> str:
        train = "train (less held out)" if self._holds_out() else "train"
        titles = dict(train=train, val="train (held out)", trainval="train")
        return titles.get(self.split, super()._split_title())
