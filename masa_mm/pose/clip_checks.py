"""What makes a clip one that nothing can be learnt from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from masa_mm.pose.skeleton import BODY, LEFT_HAND, RIGHT_HAND

# A wrist ten images away is not a pose but a pixel coordinate that was never normalised.
MAX_BODY_COORDINATE = 10.0
# A body in a hundredth of the image is one whose shares of the image were taken for pixels.
MIN_BODY_COORDINATE = 0.01
_HANDS = slice(RIGHT_HAND.start, LEFT_HAND.start + LEFT_HAND.num_joints)


class BadClip(NamedTuple):
    """A clip that a store cannot take: what is wrong with it and what mends it."""

    id: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"clip '{self.id}': {self.problem}; {self.remedy}"


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
    """Which clips nothing can be learnt from, whole arrays at once.

    Args:
        keypoint: [F, 49, 2], clips end to end.
        score: [F, 49].
        num_frames: frames of each clip [clips].
        ids: a name a clip.
        label: [clips].
        num_classes: of the class list.
        part_coordinates: whether ``keypoint`` is to be in part coordinates; else it is in pixels.
        earlier: names that clips before these have taken.

    Returns:
        bool [clips], True = bad, and the bad clips in order, each named once, with its first
        problem.
    """
    some_frame = _SomeFrame(num_frames)
    checks = [
        (num_frames == 0, "it has no frames", "leave it out"),
        (
            some_frame(~np.isfinite(keypoint).all((1, 2)) | ~np.isfinite(score).all(1)),
            "it has joints that are NaN or infinite",
            "mark missing joints by score 0 or leave it out",
        ),
        (some_frame((score < 0).any(1)), "it has scores below 0", "scores are 0 (absent) or more"),
        (
            ~some_frame((score[:, _HANDS] > 0).any(1)),
            "it has not one visible hand in any frame",
            "leave it out or extract its poses again",
        ),
        (
            (label < -1) | (label >= num_classes),
            f"its label is outside the class list of {num_classes}",
            "give the class list it was labelled with; -1 stands for no label",
        ),
        (
            _repeated(ids, earlier),
            "an earlier clip has the same id",
            "give every clip an id of its own",
        ),
    ]
    if part_coordinates:
        checks += _unit_checks(keypoint[:, BODY.joints], score[:, BODY.joints], some_frame)
    found: dict[int, BadClip] = {}
    for mask, problem, remedy in checks:
        for index in np.flatnonzero(mask).tolist():
            found.setdefault(index, BadClip(ids[index], problem, remedy))
    bad = np.zeros(len(ids), bool)
    bad[list(found)] = True
    return bad, [found[index] for index in sorted(found)]


def _unit_checks(
    body: np.ndarray, score: np.ndarray, some_frame: _SomeFrame
) -> list[tuple[np.ndarray, str, str]]:
    """Bodies much larger or smaller than the image were divided once too seldom or too often."""
    reach = np.abs(body).max(2)
    return [
        (
            some_frame((reach > MAX_BODY_COORDINATE).any(1)),
            f"its body lies more than {MAX_BODY_COORDINATE:g} image sizes away, as pixels do",
            "convert them as pixels (--units pixels), or with masa_mm.pose.crop.crop_parts",
        ),
        (
            some_frame((score > 0).any(1))
            & ~some_frame(((reach >= MIN_BODY_COORDINATE) & (score > 0)).any(1)),
            "its body lies in a hundredth of the image, as shares of it taken for pixels do",
            "give pixels, or say that they were divided by the image's size",
        ),
    ]


class _SomeFrame:
    """Whether each clip has one of the marked frames; also right for clips without frames."""

    def __init__(self, num_frames: np.ndarray) -> None:
        self.offset = np.concatenate([[0], num_frames.cumsum()])

    def __call__(self, marked: np.ndarray) -> np.ndarray:
        before = np.concatenate([[0], marked.cumsum()])[self.offset]
        return before[1:] > before[:-1]


def _repeated(ids: Sequence[str], earlier: Collection[str]) -> np.ndarray:
    _, first = np.unique(np.asarray(ids, dtype=str), return_index=True)
    repeated = np.ones(len(ids), bool)
    repeated[first] = False
    return repeated | np.array([name in earlier for name in ids], bool)
