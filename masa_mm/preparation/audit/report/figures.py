"""Charts of what the checks found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from masa_mm.pose.skeleton import PARTS
from masa_mm.visualization.style import FAINT, INK, PART_COLORS, RUN_COLORS, new_figure, plain

_SMALL = (5.4, 3.0)
_WIDE = (10.8, 3.0)


def coverage_bars(parts: Sequence[dict[str, Any]]) -> Figure:
    """A bar for each list and split: found of official clips."""
    figure = new_figure(_WIDE[0], 0.34 * len(parts) + 0.9)
    axes = _axes(figure, "official clips found")
    names = [f"{part['title']} {part['split']}" for part in parts][::-1]
    share = np.array([part["found"] / max(part["official"], 1) for part in parts])[::-1]
    axes.barh(names, 1, color="#e9ecf2", height=0.62)
    axes.barh(names, share, color=RUN_COLORS[0], height=0.62)
    for row, part in enumerate(parts[::-1]):
        text = f"{part['found']:,} of {part['official']:,}"
        axes.text(1.01, row, text, va="center", fontsize=8, color=INK)
    axes.set_xlim(0, 1.16)
    axes.set_xticks(np.linspace(0, 1, 6))
    _percent_axis(axes.xaxis)
    axes.grid(False, axis="y")
    return figure


def pair_distances(pairs: dict[str, list], threshold: float) -> Figure:
    """How many pairs lie at each distance, by whether one person signs both."""
    figure = new_figure(*_WIDE)
    axes = _axes(figure, "distance of two clips", "pairs")
    edges = np.array(pairs["edges"])
    # The pairs that show the threshold wrong at the bottom, where they are seen however few.
    names = ("two signers", "one signer", "signer unknown")
    bottom = np.zeros(len(edges) - 1)
    for name, color in zip(names, (RUN_COLORS[1], RUN_COLORS[2], FAINT)):
        values = np.array(pairs[name])
        if values.any():
            axes.bar(
                edges[:-1], values, np.diff(edges), bottom, align="edge", color=color, label=name
            )
        bottom += values
    axes.axvline(threshold, color=INK, linewidth=1.2, linestyle="--")
    axes.set_xlim(0, edges[-1])
    # The pairs that matter are few: their bars must be seen beside those of the many others.
    below = bottom[edges[:-1] < 2 * threshold]
    axes.set_ylim(0, 1.15 * max(below.max(initial=0), 5))
    axes.annotate(
        "near-duplicates",
        (threshold, 1),
        (-4, -4),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=8,
        color=INK,
    )
    if bottom.any():
        axes.legend(frameon=False, fontsize=8, loc="upper left")
    return figure


def by_rank(counts: dict[str, Sequence[int]], xlabel: str, ylabel: str) -> Figure:
    """Sorted counts, a line a split, on a logarithmic scale where they differ much."""
    figure = new_figure(*_SMALL)
    axes = _axes(figure, xlabel, ylabel)
    for color, (split, values) in zip(_colors(), counts.items()):
        values = np.sort(values)[::-1]
        axes.step(
            np.arange(1, len(values) + 1), values, where="mid", color=color, label=_as_text(split)
        )
    most = max((max(values, default=0) for values in counts.values()), default=0)
    if most > 50:
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, most + 1)
    axes.legend(frameon=False, fontsize=8)
    return figure


def split_histogram(
    edges: Sequence[float], counts: dict[str, Sequence[int]], xlabel: str, shares: bool = False
) -> Figure:
    """Histograms over clips, each split's as shares of its clips."""
    figure = new_figure(*_SMALL)
    axes = _axes(figure, xlabel, "share of clips")
    for color, (split, values) in zip(_colors(), counts.items()):
        values = np.array(values) / max(sum(values), 1)
        axes.stairs(values, edges, color=color, linewidth=1.6, label=_as_text(split))
        axes.stairs(values, edges, color=color, alpha=0.12, fill=True)
    _percent_axis(axes.yaxis)
    if shares:
        _percent_axis(axes.xaxis)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
    return figure


def score_histogram(edges: Sequence[float], parts: dict[str, dict[str, Any]]) -> Figure:
    """Scores of present joints, a line a part."""
    figure = new_figure(*_SMALL)
    axes = _axes(figure, "score of present joints", "share")
    for name, part in parts.items():
        values = np.array(part["histogram"]) / max(sum(part["histogram"]), 1)
        label = name.replace("_", " ")
        axes.stairs(values, edges, color=PART_COLORS[name], linewidth=1.6, label=label)
    _percent_axis(axes.yaxis)
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    return figure


def coordinate_histograms(edges: Sequence[float], parts: dict[str, dict[str, Any]]) -> Figure:
    """Where joints lie along x and y, a panel a part."""
    figure = new_figure(_WIDE[0], 2.7)
    for panel, (name, axes_found) in zip(figure.subplots(1, len(parts)), parts.items()):
        plain(panel)
        panel.set_title(name.replace("_", " "), fontsize=10, color=INK, loc="left")
        panel.axvspan(0, 1, color="#f3f5f9", zorder=0)
        for axis, style in (("x", "-"), ("y", "--")):
            found = axes_found[axis]
            if found is not None:
                values = np.array(found["histogram"]) / max(sum(found["histogram"]), 1)
                panel.stairs(values, edges, color=PART_COLORS[name], ls=style, lw=1.5, label=axis)
        panel.set_yticks([])
        panel.set_xlim(edges[0], edges[-1])
        if panel.get_legend_handles_labels()[0]:
            panel.legend(frameon=False, fontsize=8)
    return figure


def joint_bars(joints: dict[str, float]) -> Figure:
    """How often each joint jumps, part by part."""
    figure = new_figure(_WIDE[0], 3.4)
    axes = _axes(figure, "", "frames with a jump")
    names, values = list(joints), np.array(list(joints.values()))
    for part in PARTS:
        place = np.arange(len(names))[part.joints]
        color, label = PART_COLORS[part.name], part.name.replace("_", " ")
        axes.bar(place, values[part.joints], color=color, label=label, width=0.75)
    short = [
        name.removeprefix(f"{part.name}_").replace("_", " ")
        for part in PARTS
        for name in names[part.joints]
    ]
    axes.set_xticks(np.arange(len(names)), short, rotation=90, fontsize=7)
    axes.set_xlim(-0.8, len(names) - 0.2)
    axes.grid(False, axis="x")
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.legend(frameon=False, fontsize=8)
    return figure


def _as_text(name: str) -> str:
    """A store's name for matplotlib, which would read what stands between dollars as a formula."""
    return name.replace("$", r"\$")


def _axes(figure: Figure, xlabel: str, ylabel: str = "") -> Axes:
    axes = plain(figure.subplots())
    axes.set_xlabel(xlabel, fontsize=9, color=INK)
    axes.set_ylabel(ylabel, fontsize=9, color=INK)
    return axes


def _colors() -> list[str]:
    return [*RUN_COLORS, *(["#7a7f8a"] * 100)]


def _percent_axis(axis: Any) -> None:
    axis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
