"""Base class of benchmarks without a val split: part of their train split is held out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from masa_mm.datasets.clip_selection import DatasetError, stratified_share
from masa_mm.datasets.official_clip import OfficialClip
from masa_mm.datasets.sign_benchmark import OfficialSplit, SignBenchmark
from masa_mm.option_checks import NumberCheck, checked_options, wholes


@checked_options(
    val_ratio=NumberCheck("must be a number in [0, 1)", 0, math.nextafter(1, 0)),
    val_signers=wholes(0, empty=True),
)
class HeldOutOfTrain(SignBenchmark):
    """Base class of benchmarks without a val split.

    'val' is the part of the official train split that an option holds out, 'train' the rest, and
    'trainval' the whole official train split.

    Args:
        *args (Any): Positional arguments of :class:`SignBenchmark`.
        val_ratio (float): Share of each class's official train clips (at least one) that is 'val'
            instead of 'train', always the same clips. 0: none.
        val_signers (Sequence[int]): Signers of the official train split who are 'val' instead of
            'train'.
        **kwargs (Any): Options of :class:`SignBenchmark`.
    """

    SPLITS = dict(train=("train",), test=("test",))
    OUT_OF_TRAIN = ("val", "trainval")
    # An option that holds clips out, for error messages.
    HOLD_OUT = "val_ratio=0.1"

    def __init__(
        self,
        *args: Any,
        val_ratio: float = 0.0,
        val_signers: Sequence[int] = (),
        **kwargs: Any,
    ) -> None:
        self.val_ratio, self.val_signers = val_ratio, tuple(val_signers)
        self.holds_out = val_ratio > 0 or len(self.val_signers) > 0
        super().__init__(*args, **kwargs)

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
        held_out = np.isin([clip.signer for clip in clips], self.val_signers)
        if self.val_ratio > 0:
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

    def _split_title(self) -> str:
        train = "train (less held out)" if self.holds_out else "train"
        titles = dict(train=train, val="train (held out)", trainval="train")
        return titles.get(self.split or "", super()._split_title())
