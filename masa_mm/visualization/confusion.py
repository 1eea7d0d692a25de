"""Which signs are taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from masa_mm.visualization.style import INK, new_figure

_MAX_NAMED, _MAX_WRITTEN = 60, 25


def confusion_counts(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """How many clips of each true class (rows) were given each class (columns).

    Args:
        predicted: [N] predicted classes, or [N, C] scores.
        labels: [N] true classes.
        num_classes: C.

    Returns:
        int64 [C, C].

    Raises:
        ValueError: a label or a prediction outside the classes.
    """
    # Only here: importing MMAction2's evaluation pulls in its video readers.
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
    """The most frequent mistakes as (true, predicted, clips), the most frequent first."""
    glosses = _names(counts, glosses)
    mistakes = counts * ~np.eye(len(counts), dtype=bool)
    order = np.argsort(-mistakes, axis=None, kind="stable")[:top]
    pairs = zip(*np.unravel_index(order, counts.shape), strict=True)
    return [(glosses[i], glosses[j], int(counts[i, j])) for i, j in pairs if mistakes[i, j] > 0]


def plot_confusion(
    counts: np.ndarray, glosses: Sequence[str] | None = None, title: str = "Confusion matrix"
) -> Figure:
    """Confusion matrix, each row as shares of its class, with the classes' own accuracies beside
    it.

    Counts are written into the cells up to 25 classes and glosses on the axes up to 60.

    Args:
        counts: [C, C] from :func:`confusion_counts`.
        glosses: names of the classes; their numbers if None.
        title: of the figure; the accuracy is added.

    Raises:
        ValueError: counts that are not square or do not fit the glosses.
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"counts must be [C, C], got {list(counts.shape)}")
    names = _names(counts, glosses)
    total = counts.sum(1, keepdims=True)
    shares = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    side = float(np.clip(0.34 * len(counts) + 2.2, 5.0, 11.0))
    figure = new_figure(side + 1.6, side + 0.4)
    axes, beside = figure.subplots(1, 2, width_ratios=(1, 0.13), sharey=True)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    _write_counts(axes, counts, shares)
    _draw_accuracies(beside, np.diag(shares), total[:, 0] > 0)
    axes.set_xlabel("predicted", fontsize=10, color=INK)
    axes.set_ylabel("true", fontsize=10, color=INK)
    if len(counts) <= _MAX_NAMED:
        size = 9 if len(counts) <= _MAX_WRITTEN else 6
        ticks = np.arange(len(counts))
        axes.set_xticks(
            ticks, names, rotation=60, ha="right", rotation_mode="anchor", fontsize=size
        )
        axes.set_yticks(ticks, names, fontsize=size)
    axes.tick_params(length=0, colors=INK)
    axes.spines[:].set_visible(False)
    accuracy = np.trace(counts) / max(counts.sum(), 1)
    heading = (
        f"{title}\n{int(np.trace(counts))} of {int(counts.sum())} clips right ({accuracy:.1%})"
    )
    figure.suptitle(heading, fontsize=11, color=INK)
    return figure


def _write_counts(axes, counts: np.ndarray, shares: np.ndarray) -> None:
    if len(counts) > _MAX_WRITTEN:
        return
    axes.set_xticks(np.arange(len(counts) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(counts) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#eef0f5", linewidth=0.7)
    axes.tick_params(which="minor", length=0)
    for row, column in np.argwhere(counts > 0):
        color = "white" if shares[row, column] > 0.55 else INK
        text = str(counts[row, column])
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=color)


def _draw_accuracies(axes, accuracy: np.ndarray, present: np.ndarray) -> None:
    """A bar for each class; classes without a clip have none."""
    rows = np.flatnonzero(present)
    axes.barh(rows, accuracy[rows], color="#3b78b0", height=0.7)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 1], ["0", "100 %"], fontsize=8, color=INK)
    axes.tick_params(axis="y", which="both", labelleft=False, length=0)
    axes.set_xlabel("accuracy", fontsize=9, color=INK)
    axes.spines[:].set_visible(False)


def _names(counts: np.ndarray, glosses: Sequence[str] | None) -> list[str]:
    names = [str(i) for i in range(len(counts))] if glosses is None else list(glosses)
    if len(names) != len(counts):
        raise ValueError(f"{len(counts)} classes but {len(names)} glosses")
    return names
