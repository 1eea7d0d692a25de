"""The interface of all pose sources: what a reader gives and how the command knows it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from masa_mm.errors import UserError
from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.crop import VISIBLE_THR
from masa_mm.pose.skeleton import NAMED_LAYOUTS, SIGN49_JOINTS, describe_joints

# Images have no longer side, in pixels; a larger number is damaged.
MAX_SIDE = 2**16


class ClipError(UserError):
    """A clip that cannot be read.

    Args:
        problem (str): What is wrong with the clip.
        remedy (str): What the user can do.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem, self.remedy = problem, remedy

    def __reduce__(self) -> tuple:
        return type(self), (self.problem, self.remedy)


def bad_clip(name: str, error: Exception) -> BadClip:
    """Turn any error raised while a clip is read into an entry of the report."""
    problem, _, remedy = str(error).rpartition("; ")
    return BadClip(name, problem or remedy, remedy if problem else "give the file again")


@dataclass(frozen=True)
class SourceClips:
    """One or more clips of a source, concatenated along time, in the source's joints and units.

    Args:
        keypoint (np.ndarray): [F, V, 2] in the source's units.
        score (np.ndarray): [F, V], 0 = absent.
        num_frames (np.ndarray): Frames of each clip [clips].
        ids (Sequence[str]): Name of each clip.
        img_shape (np.ndarray): (h, w) of each clip's image [clips, 2], in the units of
            ``keypoint * scale``.
        scale (tuple[float, float]): Factors (x, y) from the source's units to those of
            ``img_shape``.
        absent (int | None): Value of a missing coordinate. A joint with only one missing coordinate
            is damaged and becomes NaN.
        label (np.ndarray | None): [clips], -1 = unlabelled.
        signer (np.ndarray | None): [clips], -1 = unknown.
        size (np.ndarray | None): (h, w) of each video in pixels [clips, 2], stored where known.
        min_score (float): Joints are visible from this score on. The conversion rescales scores so
            that it becomes 0.4 (:func:`masa_mm.pose.crop.rescale_scores`).
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
    min_score: float = VISIBLE_THR


@dataclass
class PoseSource:
    """An opened source. Its clips are read while ``blocks`` is iterated, which works once.

    Args:
        name (str): Name of the dataset. Together with a clip's id it identifies the clip.
        layout (str): Joint layout, a name in :data:`masa_mm.pose.skeleton.SOURCE_LAYOUTS`.
        blocks (Iterable[SourceClips | BadClip]): The clips, and those that cannot be read.
        glosses (Sequence[str]): Class names.
        split (str): Name of the split.
        cropped (bool): Whether the clips are in part coordinates already (layout 'sign49').
        partial (bool): Whether the source always lacks some of the 49 joints, so that the user
            need not allow it.
        notes (list[str]): Messages for the user, complete once all blocks are read.
    """

    name: str
    layout: str
    blocks: Iterable[SourceClips | BadClip]
    glosses: Sequence[str] = ()
    split: str = ""
    cropped: bool = False
    partial: bool = False
    notes: list[str] = field(default_factory=list)


# Flag and settings of an option, the arguments of ``ArgumentParser.add_argument``.
Option = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Source:
    """A subcommand of ``tools/data/convert.py``.

    Args:
        name (str): Name of the subcommand.
        text (str): Help text.
        open (Callable): Opens the source, given the parsed options.
        options (Sequence[Option]): Options beyond those of all sources.
    """

    name: str
    text: str
    open: Callable[[argparse.Namespace], PoseSource]
    options: Sequence[Option] = ()

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the options to a parser."""
        for flag, settings in self.options:
            parser.add_argument(flag, **settings)


def named_joint_indices(naming: str, names: Collection[str], allow_missing: bool) -> np.ndarray:
    """Return the index of each of the 49 joints [49] among a source's names; case is ignored.

    With ``allow_missing`` a missing joint has index -1.

    Raises:
        ClipError: If joints are missing; the message names them.
    """
    index_of = {name.lower(): index for index, name in enumerate(names)}
    indices = np.array([index_of.get(name.lower(), -1) for name in NAMED_LAYOUTS[naming]])
    if (indices < 0).any() and not allow_missing:
        missing = [joint for joint, index in zip(SIGN49_JOINTS, indices) if index < 0]
        raise ClipError(
            f"it lacks {describe_joints(missing)} of the 49 joints",
            "give --allow-missing to mark them absent, or use a more complete estimator",
        )
    return indices


def take_joints(joints: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Gather the 49 joints from [..., V, C]; a joint with index -1 is 0."""
    return np.where((indices >= 0)[:, None], joints[..., indices, :], 0)
