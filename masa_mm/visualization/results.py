"""Pictures of training curves and of confusion matrices."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from masa_mm.visualization.style import (
    FAINT,
    INK,
    RUN_COLORS,
    new_figure,
    percent_axis,
    style_chart,
)

Series = tuple[np.ndarray, np.ndarray]
# Scalars of each run by their names.
Runs = Mapping[str, Mapping[str, Series]]

# Most classes with names on the axes, and with counts in the cells.
_MAX_NAMED, _MAX_WRITTEN = 60, 25


def read_scalars(path: str | Path) -> dict[str, Series]:
    """Read the scalars of a run from mmengine's ``scalars.json``.

    Args:
        path (str | Path): A ``scalars.json``, or a work directory, whose newest run is read.

    Returns:
        dict: Steps and values [n] of each scalar, sorted by step. Steps are iterations for training
        and epochs for validation. If a resumed run logged a step again, the last value counts.

    Raises:
        FileNotFoundError: If there is no such file, or the directory has no run.
        ValueError: If a line is not one of mmengine's; names the line.
    """
    path = Path(path)
    if not path.is_file():
        runs = sorted(path.glob("*/vis_data/scalars.json"))
        if not runs:
            raise FileNotFoundError(f"no scalars.json of a training run at or below {path}")
        path = runs[-1]
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


def plot_curves(
    runs: Mapping[str, str | Path],
    panels: Sequence[str | Sequence[str]] = ("loss", "sign/top1_pi"),
    title: str = "",
    chance: float | None = None,
    smoothing: int = 9,
) -> Figure:
    """Draw training curves of one or several runs, one panel for each quantity.

    Losses are shown as logged (faint) and as running means; the scale is logarithmic if they span
    more than a factor of 20. Accuracies of SignAccuracy have their interval as a band.

    Args:
        runs (Mapping[str, str | Path]): ``scalars.json`` or work directory of each run, by its
            name in the legend.
        panels (Sequence[str | Sequence[str]]): Scalar, or list of scalars, of each panel.
        title (str): Title of the figure.
        chance (float | None): Accuracy of guessing, a dotted line in panels of accuracies.
        smoothing (int): Length of the running mean in logged points.

    Returns:
        Figure: The panels side by side.

    Raises:
        FileNotFoundError: If a run has no scalars.
        ValueError: If no run has a scalar of a panel; lists those that exist.
    """
    scalars = {name: read_scalars(path) for name, path in runs.items()}
    figure = new_figure(4.6 * len(panels), 3.5, title)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
        names = [panel] if isinstance(panel, str) else list(panel)
        is_accuracy = any("top" in name for name in names)
        style_chart(axes, "epoch" if is_accuracy else "iteration", title=" / ".join(names))
        if is_accuracy:
            _draw_accuracies(axes, scalars, names, chance)
        else:
            _draw_losses(axes, scalars, names, smoothing)
        if len(axes.get_legend_handles_labels()[0]) > 1:
            axes.legend(frameon=False, fontsize=8)
    return figure


def _curves_of(scalars: Runs, names: Sequence[str]) -> list[tuple[str, str, str, str]]:
    """Return the run, scalar, label and colour of each curve of a panel."""
    curves: list[tuple[str, str, str, str]] = []
    for run, series in scalars.items():
        for name in names:
            if name in series:
                label = run if len(names) == 1 else name if len(scalars) == 1 else f"{run}: {name}"
                curves.append((run, name, label, RUN_COLORS[len(curves) % len(RUN_COLORS)]))
    if not curves:
        known = sorted({name for series in scalars.values() for name in series})
        raise ValueError(f"no run logged {' or '.join(names)}; there are: {', '.join(known)}")
    return curves


def _draw_accuracies(axes: Axes, scalars: Runs, names: Sequence[str], chance: float | None) -> None:
    for run, name, label, color in _curves_of(scalars, names):
        series = scalars[run]
        axes.plot(*series[name], "o-", color=color, ms=3, linewidth=1.6, label=label)
        if f"{name}_low" in series and f"{name}_high" in series:
            (step, low), (_, high) = series[f"{name}_low"], series[f"{name}_high"]
            axes.fill_between(step, low, high, color=color, alpha=0.12, linewidth=0)
    if chance is not None:
        axes.axhline(chance, color=FAINT, linestyle=":", linewidth=1.4, label="chance")
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    percent_axis(axes.yaxis)


def _draw_losses(axes: Axes, scalars: Runs, names: Sequence[str], smoothing: int) -> None:
    logged = []
    for run, name, label, color in _curves_of(scalars, names):
        step, value = scalars[run][name]
        axes.plot(step, value, color=color, alpha=0.25, linewidth=0.8)
        axes.plot(step, _running_mean(value, smoothing), color=color, lw=1.8, label=label)
        logged.append(value[np.isfinite(value)])
    values = np.concatenate(logged)
    if len(values) and values.min() > 0 and values.max() > 20 * values.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())


def _running_mean(value: np.ndarray, length: int) -> np.ndarray:
    """Return the mean over the last ``length`` points, or over fewer at the beginning."""
    total = np.cumsum(np.insert(value, 0, 0.0))
    end = np.arange(1, len(value) + 1)
    start = np.maximum(end - length, 0)
    return (total[end] - total[start]) / (end - start)


def confusion_counts(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Count the clips of each true class (rows) that got each predicted class (columns).

    Args:
        predicted (np.ndarray): Predicted classes [N], or scores [N, C].
        labels (np.ndarray): True classes [N].
        num_classes (int): Number of classes C.

    Returns:
        np.ndarray: Counts, int64 [C, C].

    Raises:
        ValueError: If a label or a prediction is not one of the classes.
    """
    predicted, labels = np.asarray(predicted), np.asarray(labels)
    predicted = predicted.argmax(1) if predicted.ndim == 2 else predicted
    for name, values in (("prediction", predicted), ("label", labels)):
        outside = values[(values < 0) | (values >= num_classes)]
        if len(outside):
            raise ValueError(f"{name} {outside[0]} is not one of {num_classes} classes")
    counts = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def most_confused(
    counts: np.ndarray, glosses: Sequence[str] | None = None, top: int = 10
) -> list[tuple[str, str, int]]:
    """Return the most frequent mistakes as (true, predicted, clips), the most frequent first."""
    glosses = _class_names(counts, glosses)
    mistakes = counts * ~np.eye(len(counts), dtype=bool)
    order = np.argsort(-mistakes, axis=None, kind="stable")[:top]
    pairs = zip(*np.unravel_index(order, counts.shape))
    return [(glosses[i], glosses[j], int(counts[i, j])) for i, j in pairs if mistakes[i, j] > 0]


def plot_confusion(
    counts: np.ndarray, glosses: Sequence[str] | None = None, title: str = "Confusion matrix"
) -> Figure:
    """Draw a confusion matrix as shares of each true class, and the accuracy of each class.

    Up to 25 classes have counts in their cells, up to 60 have names on the axes.

    Args:
        counts (np.ndarray): Counts [C, C] from :func:`confusion_counts`.
        glosses (Sequence[str] | None): Class names; by default their numbers.
        title (str): Title of the figure; the accuracy is added.

    Returns:
        Figure: The matrix and a bar for each class that has clips.

    Raises:
        ValueError: If the counts are not square, or differ in number from the glosses.
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"counts must be [C, C], got {list(counts.shape)}")
    names = _class_names(counts, glosses)
    total = counts.sum(1)
    shares = counts / np.maximum(total, 1)[:, None]
    right, clips = int(np.trace(counts)), int(counts.sum())
    side = float(np.clip(0.34 * len(counts) + 2.2, 5.0, 11.0))
    heading = f"{title}\n{right} of {clips} clips right ({right / max(clips, 1):.1%})"
    figure = new_figure(side + 1.6, side + 0.4, heading)
    axes, bars = figure.subplots(1, 2, width_ratios=(1, 0.13), sharey=True)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    if len(counts) <= _MAX_WRITTEN:
        _write_counts(axes, counts, shares)
    axes.set_xlabel("predicted", fontsize=10, color=INK)
    axes.set_ylabel("true", fontsize=10, color=INK)
    if len(counts) <= _MAX_NAMED:
        size = 9 if len(counts) <= _MAX_WRITTEN else 6
        slanted = dict(rotation=60, ha="right", rotation_mode="anchor")
        axes.set_xticks(range(len(names)), names, fontsize=size, **slanted)
        axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.tick_params(length=0, colors=INK)
    axes.spines[:].set_visible(False)
    rows = np.flatnonzero(total)
    bars.barh(rows, np.diag(shares)[rows], color="#3b78b0", height=0.7)
    bars.set_xlim(0, 1)
    bars.set_xticks([0, 1], ["0", "100 %"], fontsize=8, color=INK)
    bars.tick_params(axis="y", which="both", labelleft=False, length=0)
    bars.set_xlabel("accuracy", fontsize=9, color=INK)
    bars.spines[:].set_visible(False)
    return figure


def _write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    axes.set_xticks(np.arange(len(counts) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(counts) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#eef0f5", linewidth=0.7)
    axes.tick_params(which="minor", length=0)
    for row, column in np.argwhere(counts > 0):
        color = "white" if shares[row, column] > 0.55 else INK
        text = str(counts[row, column])
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=color)


def _class_names(counts: np.ndarray, glosses: Sequence[str] | None) -> list[str]:
    names = [str(i) for i in range(len(counts))] if glosses is None else list(glosses)
    if len(names) != len(counts):
        raise ValueError(f"{len(counts)} classes but {len(names)} glosses")
    return names
