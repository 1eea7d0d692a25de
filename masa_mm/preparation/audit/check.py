"""A check of the audit, and the tables, pictures and charts of its section on the page."""

from __future__ import annotations

import base64
import inspect
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from masa_mm.preparation.audit.clips import AuditClips, present_joints
from masa_mm.visualization import plot_clip
from masa_mm.visualization.style import INK, RUN_COLORS, new_figure, percent_axis, style_chart

Record = dict[str, Any]

_SMALL, WIDE = (5.4, 3.0), (10.8, 3.0)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A table or a picture; blocks that are ``small`` are laid out side by side."""

    caption: str = ""
    small: bool = False


@dataclass(frozen=True)
class Table(Block):
    """A table with a row for each record. Without records it is left out of the page.

    Args:
        records (Sequence[Any]): Data of the rows.
        columns (Mapping[str, Any]): Heading and content of each column: a key of the records, a
            format of their keys such as ``'{share:.3f}'``, or a function of a record.
    """

    records: Sequence[Any]
    columns: Mapping[str, Any]

    @property
    def rows(self) -> list[list[str]]:
        """Text of the cells; integers have separators of thousands."""
        return [
            [_cell(record, column) for column in self.columns.values()] for record in self.records
        ]

    @property
    def numeric(self) -> list[bool]:
        """Whether a column has numbers only, which are aligned to the right."""
        return [all(map(_is_number, column)) for column in zip(*self.rows)]


def _cell(record: Any, column: str | Callable[[Any], object]) -> str:
    if isinstance(column, str):
        cell = column.format_map(record) if "{" in column else record[column]
    else:
        cell = column(record)
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _is_number(text: str) -> bool:
    """Whether a cell holds a number, a percentage, or nothing."""
    try:
        float(text.replace(",", "").removeprefix("< ").removesuffix(" %") or 0)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Picture(Block):
    """A figure with a caption below it."""

    figure: Figure

    @property
    def data_uri(self) -> str:
        """The figure as an embedded PNG."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=80 if self.small else 110)
        return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


@dataclass(frozen=True)
class Section:
    """The result of a check as the page shows it.

    Args:
        summary (str): The result in one sentence without a full stop.
        blocks (Sequence[Block]): Tables and pictures in order.
        alarm (bool): Whether the result needs attention.
        note (str): Explanation that depends on the result.
    """

    summary: str
    blocks: Sequence[Block] = ()
    alarm: bool = False
    note: str = ""


class Check(ABC):
    """One question about the clips: how it is answered, and how the page shows the answer.

    To add a check, write a subclass and list it in :func:`.report.all_checks`. Its docstring
    explains the result to readers of the page. Options are fields of the subclass; :meth:`show`
    uses the result only.

    Attributes:
        name (str): Key of the result in ``audit.json``.
        title (str): Heading of the section.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    @property
    def about(self) -> str:
        """Explanation of the section: the docstring of the subclass."""
        return inspect.getdoc(self) or ""

    @abstractmethod
    def compute(self, clips: AuditClips, results: Mapping[str, Any]) -> Any:
        """Answer the question.

        Args:
            clips (AuditClips): All clips.
            results (Mapping[str, Any]): Results of the checks before this one, by name.

        Returns:
            Any: Data that JSON can hold. An empty list means that the question does not apply.
        """

    @abstractmethod
    def show(self, clips: AuditClips, result: Any) -> Section:
        """Turn what :meth:`compute` returned into a section."""


def percent(share: float) -> str:
    """Format a share with about two significant digits."""
    if 0 < share < 1e-4:
        return "< 0.01 %"
    return f"{100 * share:.{2 if share < 0.01 else 1}f} %"


def percent_of(key: str) -> Callable[[Record], str]:
    """Return a column of the shares under a key."""
    return lambda record: percent(record[key])


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: '1 clip', '2,000 clips', 'no clip'."""
    noun = noun if number in (0, 1) else plural or f"{noun}s"
    return f"{number:,} {noun}" if number else f"no {noun}"


def part_name(name: str) -> str:
    """Return the name of a part for readers: 'right hand'."""
    return name.replace("_", " ")


def part_records(parts: Mapping[str, Record]) -> list[Record]:
    """Return a record for each part, with its name as ``part``."""
    return [{"part": part_name(name), **record} for name, record in parts.items()]


# Columns of clips as AuditClips.describe returns them.
CLIP_COLUMNS: dict[str, Any] = {
    "clip": "id",
    "split": "split",
    "sign": "gloss",
    "signer": lambda clip: str(clip["signer"]) if clip["signer"] >= 0 else "",
    "frames": "num_frames",
}


def clip_picture(clips: AuditClips, number: int, note: str = "") -> Picture:
    """Draw frames of a clip, with its description as the caption."""
    clip = clips.describe(number)
    gloss = f"'{clip['gloss']}', " if clip["gloss"] else ""
    signer = f", signer {clip['signer']}" if clip["signer"] >= 0 else ""
    caption = f"{gloss}{clip['split']}/{clip['id']}{signer}, {count(clip['num_frames'], 'frame')}"
    joints = present_joints(*clips.clip(number))
    return Picture(plot_clip(*joints), caption=caption + note, small=True)


def chart(size: tuple[float, float], xlabel: str = "", ylabel: str = "") -> tuple[Figure, Axes]:
    """Return a figure of a size in inches with one empty chart."""
    figure = new_figure(*size)
    return figure, style_chart(figure.subplots(), xlabel, ylabel)


def bar_chart(bars: Mapping[str, float], xlabel: str, texts: Sequence[str]) -> Picture:
    """Draw shares as bars from top to bottom, each with its name and a text."""
    figure, axes = chart((WIDE[0], 0.26 * len(bars) + 0.9), xlabel)
    names, top = [_escape(name) for name in bars], max(bars.values()) or 1
    axes.barh(names, list(bars.values()), color=RUN_COLORS[0], height=0.62)
    for row, (value, text) in enumerate(zip(bars.values(), texts)):
        axes.text(value + 0.01 * top, row, text, va="center", fontsize=8, color=INK)
    axes.set_xlim(0, 1.16 * top)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    percent_axis(axes.xaxis)
    return Picture(figure)


def rank_chart(counts: Mapping[str, Sequence[int]], xlabel: str) -> Picture:
    """Draw the sorted numbers of clips, one line for each split."""
    figure, axes = chart(_SMALL, xlabel, "clips")
    for color, (split, values) in zip(_split_colors(), counts.items()):
        rank = np.arange(1, len(values) + 1)
        axes.step(rank, np.sort(values)[::-1], where="mid", color=color, label=_escape(split))
    if max((max(values, default=0) for values in counts.values()), default=0) > 50:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
    return Picture(figure, small=True)


def histogram_chart(
    edges: Sequence[float],
    counts: Mapping[str, Sequence[int]],
    xlabel: str,
    ylabel: str = "share of clips",
    colors: Iterable[str] = (),
) -> Picture:
    """Draw histograms, each normalised to 1.

    Args:
        edges (Sequence[float]): Edges of the bins.
        counts (Mapping[str, Sequence[int]]): Bins of each line, by its label.
        xlabel (str): Label of the x axis.
        ylabel (str): Label of the y axis.
        colors (Iterable[str]): Colours of the lines.
    """
    figure, axes = chart(_SMALL, xlabel, ylabel)
    for color, (label, values) in zip(colors or _split_colors(), counts.items()):
        heights = np.array(values) / max(sum(values), 1)
        axes.stairs(heights, edges, color=color, linewidth=1.6, label=_escape(label))
        axes.stairs(heights, edges, color=color, alpha=0.12, fill=True)
    percent_axis(axes.yaxis)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
    return Picture(figure, small=True)


def _split_colors() -> Iterator[str]:
    return chain(RUN_COLORS, repeat("#7a7f8a"))


def _escape(label: str) -> str:
    """Escape dollar signs, between which matplotlib reads formulas."""
    return label.replace("$", r"\$")
