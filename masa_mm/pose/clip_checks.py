"""Checks that find clips nothing can be learnt from."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np

from masa_mm.errors import printable
from masa_mm.pose.skeleton import BODY, LEFT_HAND, RIGHT_HAND

# Limits of body coordinates, in image sizes. Larger ones are pixels that were not normalised;
# smaller ones are normalised coordinates that were taken for pixels.
MAX_BODY_COORDINATE = 10.0
MIN_BODY_COORDINATE = 0.01
# Unicode's categories of control characters, halves of surrogate pairs, and breaks of lines.
_NO_TEXT = ("Cc", "Cs", "Zl", "Zp")
_HANDS = slice(RIGHT_HAND.start, LEFT_HAND.start + LEFT_HAND.num_joints)


class BadClip(NamedTuple):
    """A clip that a store refuses: its id, what is wrong and the remedy."""

    id: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return printable(f"clip '{self.id}': {self.problem}; {self.remedy}")


def clip_problems(
    keypoint: np.ndarray,
    score: np.ndarray,
    num_frames: np.ndarray,
    ids: Sequence[str],
    label: np.ndarray,
    num_classes: int,
    part_coordinates: bool = True,
    earlier: Collection[str] = (),
) -> tuple[np.ndarray, list[BadClip]]:
    """Find the unusable clips among several, with whole-array operations.

    Args:
        keypoint (np.ndarray): [F, 49, 2], the clips' frames concatenated.
        score (np.ndarray): [F, 49].
        num_frames (np.ndarray): Frames of each clip, [clips].
        ids (Sequence[str]): Id of each clip.
        label (np.ndarray): [clips].
        num_classes (int): Length of the class list.
        part_coordinates (bool): Whether ``keypoint`` should be in part coordinates, else pixels.
        earlier (Collection[str]): Ids of clips checked before, which must not occur again.

    Returns:
        tuple[np.ndarray, list[BadClip]]: Bool [clips], True = bad, and the bad clips in order, each
        with its first problem.
    """

    def in_some_frame(frames: np.ndarray) -> np.ndarray:
        """Reduce bool [F] to [clips] by any(); also right for clips without frames."""
        count = np.concatenate([[0], frames.cumsum()])[offset]
        return count[1:] > count[:-1]

    offset = np.concatenate([[0], num_frames.cumsum()])
    finite = np.isfinite(keypoint).all(axis=(1, 2)) & np.isfinite(score).all(axis=1)
    checks = [
        (num_frames == 0, "it has no frames", "leave it out"),
        (
            in_some_frame(~np.asarray(finite)),
            "it has joints that are NaN or infinite",
            "give missing joints the score 0 or leave it out",
        ),
        (
            in_some_frame(score.min(axis=1, initial=0) < 0),
            "it has scores below 0",
            "scores are 0 (absent) or more",
        ),
        (
            ~in_some_frame(score[:, _HANDS].max(axis=1, initial=0) > 0),
            "it has no visible hand in any frame",
            "leave it out, extract its poses again, or convert it with a lower --min-score",
        ),
        (
            (label < -1) | (label >= num_classes),
            f"its label is outside the class list of {num_classes}",
            "give the class list it was labelled with; -1 stands for no label",
        ),
        (
            np.array([is_unwritable_id(name) for name in ids], bool),
            "its id is not UTF-8, or has control characters",
            "rename the file or the clip",
        ),
        (
            _repeated(ids, earlier),
            "an earlier clip has the same id",
            "give every clip a unique id",
        ),
    ]
    if part_coordinates:
        checks += _unit_checks(keypoint[:, BODY.joints], score[:, BODY.joints], in_some_frame)
    problems: dict[int, BadClip] = {}
    for mask, problem, remedy in checks:
        for index in np.flatnonzero(mask).tolist():
            problems.setdefault(index, BadClip(ids[index], problem, remedy))
    bad = np.zeros(len(ids), bool)
    bad[list(problems)] = True
    return bad, [problems[index] for index in sorted(problems)]


def _unit_checks(
    body: np.ndarray, score: np.ndarray, in_some_frame: Callable[[np.ndarray], np.ndarray]
) -> list[tuple[np.ndarray, str, str]]:
    """Find bodies that were not divided by the image's size, or divided twice."""
    reach, visible = np.abs(body).max(axis=2), score > 0
    large_enough = visible & (reach >= MIN_BODY_COORDINATE)
    return [
        (
            in_some_frame(reach.max(axis=1) > MAX_BODY_COORDINATE),
            f"its body lies more than {MAX_BODY_COORDINATE:g} image sizes away, as pixels do",
            "convert them as pixels (--units pixels), or with masa_mm.pose.crop.crop_parts",
        ),
        (
            in_some_frame(visible.max(axis=1)) & ~in_some_frame(large_enough.max(axis=1)),
            "its body lies within 1 % of the image, like normalised coordinates read as pixels",
            "give pixels, or say that they were divided by the image's size",
        ),
    ]


def is_unwritable_id(name: str) -> bool:
    """Whether an id cannot be a line of a text file in UTF-8, such as a list of clips."""
    return any(unicodedata.category(c) in _NO_TEXT for c in name)


def _repeated(ids: Sequence[str], earlier: Collection[str]) -> np.ndarray:
    _, first = np.unique(np.asarray(ids, dtype=str), return_index=True)
    repeated = np.ones(len(ids), bool)
    repeated[first] = False
    return repeated | np.array([name in earlier for name in ids], bool)
