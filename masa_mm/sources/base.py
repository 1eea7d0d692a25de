"""What every source of poses gives: clips in blocks, and who they are."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from masa_mm.errors import UserError
from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.files import SourceError, read_class_list, read_npz
from masa_mm.pose.skeleton import source_layout

__all__ = [
    "ClipError",
    "PoseSource",
    "Source",
    "SourceClips",
    "SourceError",
    "bad_clip",
    "check_clip_arrays",
    "read_class_list",
    "read_npz",
]


class ClipError(UserError):
    """A clip that cannot be read: what is wrong with it, and what mends it."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem, self.remedy = problem, remedy

    def __reduce__(self) -> tuple:
        return type(self), (self.problem, self.remedy)


def bad_clip(name: str, error: Exception) -> BadClip:
    """What an error says of a clip, whatever raised it while the clip was read."""
    problem, _, remedy = str(error).rpartition("; ")
    return BadClip(name, problem or remedy, remedy if problem else "give the file again")


@dataclass(frozen=True)
class SourceClips:
    """Some clips of a source, end to end, in the source's own joints and units.

    Args:
        keypoint: [F, V, 2] in the source's numbers.
        score: [F, V], 0 = absent.
        num_frames: frames of each clip [clips].
        ids: a name a clip.
        img_shape: (h, w) of each clip's image [clips, 2], in the units that ``scale`` brings
            ``keypoint`` to.
        scale: factors (x, y) from the source's numbers to the units of ``img_shape``.
        absent: the number that stands for a missing coordinate, if the source has one. A joint of
            which only one coordinate is missing is damaged, and becomes NaN.
        label, signer: [clips], -1 = none.
        size: (h, w) of each clip's video in pixels [clips, 2], to be stored, where known.
    """

    keypoint: np.ndarray
    score: np.ndarray
    num_frames: np.ndarray
    ids: Sequence[str]
    img_shape: np.ndarray
    scale: tuple[float, float] = (1.0, 1.0)
    absent: int | None = None
    label: np.ndarray | None = None
    signer: np.ndarray | None = None
    size: np.ndarray | None = None


@dataclass
class PoseSource:
    """A source, opened: its clips are read as ``blocks`` is gone through, once.

    Args:
        name: of the data set; with a clip's id it is the clip's identity.
        layout: of all clips, a name in :data:`masa_mm.pose.skeleton.SOURCE_LAYOUTS`.
        blocks: the clips, and those that cannot be read.
        glosses: class names.
        split: name of the split.
        cropped: whether the clips are in part coordinates already (layout 'sign49').
        partial: whether the source is known to lack joints of the 49, and chosen for what it has.
        notes: lines for the user; complete when the blocks have been read.
    """

    name: str
    layout: str
    blocks: Iterable[SourceClips | BadClip]
    glosses: Sequence[str] = ()
    split: str = ""
    cropped: bool = False
    partial: bool = False
    notes: list[str] = field(default_factory=list)


class Source(NamedTuple):
    """An entry of ``tools/data/convert.py``: its name, what it reads, its options, its reader."""

    name: str
    text: str
    add_options: Callable[[argparse.ArgumentParser], None]
    open: Callable[[argparse.Namespace], PoseSource]


def check_clip_arrays(
    path: str | os.PathLike, arrays: dict[str, np.ndarray], layout: str, per_clip: Iterable[str]
) -> None:
    """Refuse arrays that do not fit each other.

    Raises:
        SourceError: names the file and the array.
    """
    joints = source_layout(layout).num_joints
    num_frames = arrays["num_frames"]
    if num_frames.ndim != 1 or num_frames.dtype.kind not in "iu" or (num_frames < 0).any():
        raise SourceError(f"{path}: num_frames must be whole numbers [clips]; copy it again")
    frames = int(num_frames.sum())
    if arrays["keypoint"].dtype.kind not in "iuf":
        raise SourceError(f"{path}: keypoint is {arrays['keypoint'].dtype}, expected numbers")
    if arrays["keypoint"].shape != (frames, joints, 2):
        raise SourceError(
            f"{path}: keypoint is {list(arrays['keypoint'].shape)}, but num_frames and the layout "
            f"'{layout}' need {[frames, joints, 2]}; is it another source?"
        )
    for name in per_clip:
        if arrays[name].shape != num_frames.shape:
            raise SourceError(
                f"{path}: {name} has {list(arrays[name].shape)} entries for {len(num_frames)} "
                "clips; copy it again"
            )
