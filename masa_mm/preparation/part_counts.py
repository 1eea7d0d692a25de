"""In how many frames the source has each part, and in how many the store keeps it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from masa_mm.pose.crop import MIN_VISIBLE
from masa_mm.pose.skeleton import BODY, LEFT_HAND, RIGHT_HAND
from masa_mm.pose.store_writer import PartFrames, WriteReport

_PARTS = {"right hand": RIGHT_HAND, "left hand": LEFT_HAND, "body": BODY}
# A larger share of dropped hands is explained.
_NOTABLE = 0.05


class PartCounts:
    """Count the frames in which a part has a joint with a score above 0."""

    def __init__(self) -> None:
        self._in_source = np.zeros(len(_PARTS), np.int64)
        self._kept = np.zeros(len(_PARTS), np.int64)

    def add(self, in_source: np.ndarray, kept: np.ndarray, frames: np.ndarray) -> None:
        """Add the scores [F, 49] before and after the crop, of the selected frames (bool [F])."""
        self._in_source += _frames_with_parts(in_source, frames)
        self._kept += _frames_with_parts(kept, frames)

    def result(self) -> tuple[PartFrames, ...]:
        """Return the counts of right hand, left hand and body."""
        counts = zip(_PARTS, self._in_source.tolist(), self._kept.tolist())
        return tuple(PartFrames(*count) for count in counts)


def part_lines(report: WriteReport, remedy: str) -> Iterator[str]:
    """Yield a line for each part, and one that says why hands were dropped, if many were.

    Args:
        report (WriteReport): The counts.
        remedy (str): What keeps more hands.
    """
    for part, in_source, kept in report.parts:
        yield f"{part}: {in_source} of {report.num_frames} frames in the source, {kept} kept"
    in_source = sum(part.in_source for part in report.parts)
    dropped = in_source - sum(part.kept for part in report.parts)
    hands = sum(part.in_source for part in report.parts if part.part != "body")
    if hands and dropped > _NOTABLE * hands:
        yield (
            f"{dropped / hands:.0%} of the source's hands were dropped, because fewer than "
            f"{MIN_VISIBLE} of their joints are visible; {remedy}"
        )


def _frames_with_parts(score: np.ndarray, frames: np.ndarray) -> list[int]:
    present = (score > 0) & frames[:, None]
    return [int(present[:, part.joints].any(axis=1).sum()) for part in _PARTS.values()]
