"""Figures of results: training curves and confusion matrices."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from masa_mm.visualization.style import FAINT, INK, RUN_COLORS, new_figure, percent_axis, plain

Scalars = dict[str, tuple[np.ndarray, np.ndarray]]
# Classes up to which a confusion matrix has names and counts.
_MAX_NAMED, _MAX_WRITTEN = 60, 25


def read_scalars(path: str | Path) -> Scalars:
    """Read the scalars that mmengine logged in one run.

    Args:
        path (str | Path): A ``scalars.json``, or a work directory, whose newest run is read.

    Returns:
        dict: Name -> (step [n], value [n]), sorted by step. Steps are iterations for training and
        epochs for validation. Of a step that was logged twice (by a resumed run) the last counts.

    Raises:
        FileNotFoundError: The file does not exist, or the directory has no run.
        ValueError: A line cannot be read.
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
    """Draw training curves of runs, one panel for each quantity.

    Losses are drawn faint as logged and bold as a running mean, on a logarithmic scale if they
    span more than a factor of 20. Accuracies with logged ``_low`` and ``_high`` values get a band.

    Args:
        runs (Mapping[str, str | Path]): Legend -> ``scalars.json`` or work directory.
        panels (Sequence[str | Sequence[str]]): Scalar of each panel, or several in one panel.
        title (str): Title of the figure.
        chance (float | None): Chance level, a dotted line in panels of accuracies.
        smoothing (int): Length of the running mean in logged points.

    Raises:
        FileNotFoundError: A run has no scalars.
        ValueError: No run has the scalars of a panel; the message lists the known ones.
    """
    scalars = {name: read_scalars(path) for name, path in runs.items()}
    figure = new_figure(4.6 * len(panels), 3.5, title)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, panel in zip(grid, panels):
        names = [panel] if isinstance(panel, str) else list(panel)
        accuracy = any("top" in name for name in names)
        plain(axes, "epoch" if accuracy else "iteration")
        axes.set_title(" / ".join(names), fontsize=10, color=INK, loc="left")
        lines = _select_lines(scalars, names)
        if accuracy:
            _draw_accuracies(axes, scalars, lines)
            if chance is not None:
                axes.axhline(chance, color=FAINT, linestyle=":", linewidth=1.4)
                note: dict[str, Any] = dict(transform=axes.get_yaxis_transform(), fontsize=8)
                axes.text(1, chance, "chance", ha="right", va="bottom", color="#7a7f8a", **note)
        else:
            _draw_losses(axes, scalars, lines, smoothing)
        if len(lines) > 1:
            axes.legend(frameon=False, fontsize=8)
    return figure


def _select_lines(scalars: Mapping[str, Scalars], names: list[str]) -> list[tuple[str, str, str]]:
    """Return run, scalar and label of each line of a panel."""
    lines = []
    for run, found in scalars.items():
        for name in names:
            if name in found:
                label = run if len(names) == 1 else name if len(scalars) == 1 else f"{run}: {name}"
                lines.append((run, name, label))
    if not lines:
        known = sorted({name for found in scalars.values() for name in found})
        raise ValueError(f"no run logged {' or '.join(names)}; there are: {', '.join(known)}")
    return lines


def _draw_accuracies(axes: Axes, scalars: Mapping[str, Scalars], lines: list) -> None:
    for index, (run, name, label) in enumerate(lines):
        color = RUN_COLORS[index % len(RUN_COLORS)]
        axes.plot(*scalars[run][name], "o-", color=color, ms=3, linewidth=1.6, label=label)
        low, high = (scalars[run].get(name + end) for end in ("_low", "_high"))
        if low is not None and high is not None:
            axes.fill_between(*low, high[1], color=color, alpha=0.12, linewidth=0)
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    percent_axis(axes.yaxis)


def _draw_losses(axes: Axes, scalars: Mapping[str, Scalars], lines: list, smoothing: int) -> None:
    for index, (run, name, label) in enumerate(lines):
        color, (step, value) = RUN_COLORS[index % len(RUN_COLORS)], scalars[run][name]
        axes.plot(step, value, color=color, alpha=0.25, linewidth=0.8)
        axes.plot(step, _running_mean(value, smoothing), color=color, lw=1.8, label=label)
    values = np.concatenate([scalars[run][name][1] for run, name, _ in lines])
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() > 20 * values.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())


def _running_mean(value: np.ndarray, length: int) -> np.ndarray:
    """Return the mean of the last ``length`` points, or of all so far at the beginning."""
    total = np.cumsum(np.insert(value, 0, 0.0))
    end = np.arange(1, len(value) + 1)
    start = np.maximum(end - length, 0)
    return (total[end] - total[start]) / (end - start)


def confusion_counts(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Count the clips of each true class (rows) by their predicted class (columns).

    Args:
        predicted (np.ndarray): Predicted classes [N], or scores [N, C].
        labels (np.ndarray): True classes [N].
        num_classes (int): Number of classes C.

    Returns:
        np.ndarray: int64 [C, C].

    Raises:
        ValueError: A label or a prediction is not one of the classes.
    """
    # Importing MMAction2's evaluation loads its video readers.
    from mmaction.evaluation import ConfusionMatrix

    predicted, labels = np.asarray(predicted), np.asarray(labels)
    predicted = predicted.argmax(1) if predicted.ndim == 2 else predicted
    for name, values in (("prediction", predicted), ("label", labels)):
        outside = values[(values < 0) | (values >= num_classes)]
        if len(outside):
            raise ValueError(f"{name} {outside[0]} is not one of {num_classes} classes")
    matrix = ConfusionMatrix.calculate(
        predicted.astype(np.int64), labels.astype(np.int64), num_classes=num_classes
    )
    return matrix.numpy()


def most_confused(
    counts: np.ndarray, glosses: Sequence[str] | None = None, top: int = 10
) -> list[tuple[str, str, int]]:
    """Return the most frequent mistakes as (true, predicted, clips), in descending order."""
    names = _class_names(counts, glosses)
    mistakes = counts * ~np.eye(len(counts), dtype=bool)
    order = np.argsort(-mistakes, axis=None, kind="stable")[:top]
    pairs = zip(*np.unravel_index(order, counts.shape))
    return [(names[i], names[j], int(counts[i, j])) for i, j in pairs if mistakes[i, j] > 0]


def plot_confusion(
    counts: np.ndarray, glosses: Sequence[str] | None = None, title: str = "Confusion matrix"
) -> Figure:
    """Draw a confusion matrix with rows as shares of the class, and the accuracy of each class.

    Cells have counts if there are at most 25 classes, axes have glosses if there are at most 60.

    Args:
        counts (np.ndarray): Counts [C, C] of :func:`confusion_counts`.
        glosses (Sequence[str] | None): Names of the classes; by default their numbers.
        title (str): Title of the figure, to which the accuracy is added.

    Raises:
        ValueError: The counts are not square or do not match the glosses.
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"counts must be [C, C], got {list(counts.shape)}")
    names = _class_names(counts, glosses)
    total = counts.sum(1, keepdims=True)
    shares = counts / np.maximum(total, 1)
    side = float(np.clip(0.34 * len(counts) + 2.2, 5.0, 11.0))
    right, clips = int(np.trace(counts)), int(counts.sum())
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
        ticks, slanted = np.arange(len(counts)), dict(rotation=60, rotation_mode="anchor")
        axes.set_xticks(ticks, names, ha="right", fontsize=size, **slanted)
        axes.set_yticks(ticks, names, fontsize=size)
    axes.tick_params(length=0, colors=INK)
    axes.spines[:].set_visible(False)
    _draw_class_accuracies(bars, np.diag(shares), total[:, 0] > 0)
    return figure


def _write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    """Write the counts into the cells, with lines between the cells."""
    axes.set_xticks(np.arange(len(counts) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(counts) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#eef0f5", linewidth=0.7)
    axes.tick_params(which="minor", length=0)
    for row, column in np.argwhere(counts > 0):
        color = "white" if shares[row, column] > 0.55 else INK
        text = str(counts[row, column])
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=color)


def _draw_class_accuracies(axes: Axes, accuracy: np.ndarray, present: np.ndarray) -> None:
    """Draw a bar for each class that has clips."""
    rows = np.flatnonzero(present)
    axes.barh(rows, accuracy[rows], color="#3b78b0", height=0.7)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 1], ["0", "100 %"], fontsize=8, color=INK)
    axes.tick_params(axis="y", which="both", labelleft=False, length=0)
    axes.set_xlabel("accuracy", fontsize=9, color=INK)
    axes.spines[:].set_visible(False)


def _class_names(counts: np.ndarray, glosses: Sequence[str] | None) -> list[str]:
    names = [str(i) for i in range(len(counts))] if glosses is None else list(glosses)
    if len(names) != len(counts):
        raise ValueError(f"{len(counts)} classes but {len(names)} glosses")
    return names
