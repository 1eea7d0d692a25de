"""Losses and accuracies over training, out of mmengine's ``vis_data/scalars.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from masa_mm.visualization.style import FAINT, INK, RUN_COLORS, new_figure, plain


def read_scalars(path: str | Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The scalars of one run.

    Args:
        path: a ``scalars.json``, or a work directory, of which the newest run is read.

    Returns:
        name -> (step [n], value [n]), sorted by step; steps are iterations for what training logs
        and epochs for validation, as mmengine writes them. Where a step was logged twice (a
        resumed run) the last one counts.

    Raises:
        FileNotFoundError: no such file, or a directory without a run.
        ValueError: a line is not JSON, naming it.
    """
    path = _scalars_file(Path(path))
    series: dict[str, dict[int, float]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            entry = json.loads(line)
            step = entry.pop("step")
        except (json.JSONDecodeError, KeyError, AttributeError, TypeError):
            raise ValueError(f"{path}, line {number}: not a line of mmengine's scalars") from None
        for name, value in entry.items():
            series.setdefault(name, {})[step] = value
    return {
        name: (np.array(sorted(points)), np.array([points[step] for step in sorted(points)]))
        for name, points in series.items()
    }


def _scalars_file(path: Path) -> Path:
    if path.is_file():
        return path
    runs = sorted(path.glob("*/vis_data/scalars.json"))
    if not runs:
        raise FileNotFoundError(f"no scalars.json of a training run at or below {path}")
    return runs[-1]


def plot_curves(
    runs: Mapping[str, str | Path],
    panels: Sequence[str | Sequence[str]] = ("loss", "sign/top1_pi"),
    title: str = "",
    chance: float | None = None,
    smoothing: int = 9,
) -> Figure:
    """Training curves of one or several runs, one panel a quantity.

    Losses are drawn faint as logged and bold as a running mean, on a logarithmic scale if they
    span more than a factor of 20. Scalars with ``_low`` and ``_high`` companions (SignAccuracy)
    get a band.

    Args:
        runs: legend name -> ``scalars.json`` or work directory.
        panels: scalar names to draw, each in its own panel; a list of names shares one panel.
        title: of the figure.
        chance: accuracy of guessing, drawn as a dotted line in panels of accuracies.
        smoothing: length of the running mean in logged points.

    Raises:
        FileNotFoundError: a run without scalars.
        ValueError: no run has any of a panel's scalars, listing those there are.
    """
    scalars = {name: read_scalars(path) for name, path in runs.items()}
    figure = new_figure(4.6 * len(panels), 3.5)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, panel in zip(grid, panels, strict=True):
        names = [panel] if isinstance(panel, str) else list(panel)
        _draw_panel(axes, scalars, names, smoothing)
        if chance is not None and any("top" in name for name in names):
            axes.axhline(chance, color=FAINT, linestyle=":", linewidth=1.4)
            axes.annotate(
                "chance",
                (1, chance),
                (-2, 3),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha="right",
                fontsize=8,
                color="#7a7f8a",
            )
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    return figure


def _draw_panel(axes: Axes, scalars: dict, names: list[str], smoothing: int) -> None:
    plain(axes)
    drawn = [
        (run, name, *found[name])
        for run, found in scalars.items()
        for name in names
        if name in found
    ]
    if not drawn:
        known = sorted({name for found in scalars.values() for name in found})
        raise ValueError(f"no run logged {' or '.join(names)}; there are: {', '.join(known)}")
    accuracy = any("top" in name for name in names)
    for index, (run, name, step, value) in enumerate(drawn):
        color = RUN_COLORS[index % len(RUN_COLORS)]
        label = run if len(names) == 1 else name if len(scalars) == 1 else f"{run}: {name}"
        if accuracy:
            axes.plot(step, value, "o-", color=color, ms=3, linewidth=1.6, label=label)
            _draw_band(axes, scalars[run], name, color)
        else:
            axes.plot(step, value, color=color, alpha=0.25, linewidth=0.8)
            axes.plot(step, _running_mean(value, smoothing), color=color, lw=1.8, label=label)
    if accuracy:
        axes.set_ylim(0, 1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    elif _spans_decades(drawn):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("epoch" if accuracy else "iteration", fontsize=9, color=INK)
    axes.set_title(" / ".join(names), fontsize=10, color=INK, loc="left")
    if len(drawn) > 1:
        axes.legend(frameon=False, fontsize=8)


def _draw_band(axes: Axes, found: dict, name: str, color: str) -> None:
    low, high = found.get(f"{name}_low"), found.get(f"{name}_high")
    if low is not None and high is not None:
        axes.fill_between(low[0], low[1], high[1], color=color, alpha=0.12, linewidth=0)


def _spans_decades(drawn: list[tuple]) -> bool:
    values = np.concatenate([value for *_, value in drawn])
    values = values[np.isfinite(values)]
    return bool(len(values) and values.min() > 0 and values.max() > 20 * values.min())


def _running_mean(value: np.ndarray, length: int) -> np.ndarray:
    """Mean over the last ``length`` points, of fewer at the beginning."""
    total = np.cumsum(np.insert(value, 0, 0.0))
    end = np.arange(1, len(value) + 1)
    start = np.maximum(end - length, 0)
    return (total[end] - total[start]) / (end - start)
