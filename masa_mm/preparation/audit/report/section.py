"""What a page is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure


@dataclass(frozen=True)
class Table:
    """Rows of cells; numbers are set to the right.

    Args:
        columns: their headings.
        rows: a cell for each column.
        caption: what the rows are.
        small: stands beside other small blocks.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    caption: str = ""
    small: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure and what it shows.

    Args:
        figure: to be drawn into the page.
        caption: below it.
        small: stands beside other small blocks.
    """

    figure: Figure
    caption: str = ""
    small: bool = False


@dataclass(frozen=True)
class Section:
    """One question and its answer.

    Args:
        title: the question's subject.
        summary: the answer in a sentence; also in the list at the page's top.
        about: how it was measured.
        alarm: whether the answer asks for action.
        blocks: tables and pictures, in order.
    """

    title: str
    summary: str
    about: str
    alarm: bool = False
    blocks: Sequence[Table | Picture] = field(default_factory=tuple)


def percent(share: float) -> str:
    """A share for readers: two digits that count."""
    if 0 < share < 1e-4:
        return "< 0.01 %"
    return f"{100 * share:.{2 if share < 0.01 else 1}f} %"


def count(number: int, thing: str, things: str | None = None) -> str:
    """'1 clip', '2,000 clips', 'no clip'."""
    word = thing if number in (0, 1) else things or f"{thing}s"
    return f"{number:,} {word}" if number else f"no {word}"


def clip_rows(clips: Sequence[dict], *extra: str) -> list[list[object]]:
    """Clips as rows of id, split, gloss, signer, frames and what else they have."""
    return [
        [
            clip["id"],
            clip["split"],
            clip["gloss"],
            clip["signer"] if clip["signer"] >= 0 else "",
            clip["num_frames"],
            *(clip[name] for name in extra),
        ]
        for clip in clips
    ]


CLIP_COLUMNS = ("clip", "split", "sign", "signer", "frames")
