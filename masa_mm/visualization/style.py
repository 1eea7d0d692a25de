"""Colours and axes that all figures share, and saving of figures."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from masa_mm.atomic_write import atomic_write

PART_COLORS = {"right_hand": "#c8553d", "left_hand": "#2a7f9e", "body": "#4b4f58"}
TRUE_COLOR, PREDICTED_COLOR = "#1b3a4b", "#e07a1f"
MASKED_SHADE = "#fbeed5"
# Colours for colour-blind readers (Okabe and Ito).
RUN_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
INK, FAINT = "#2b2d33", "#b9bdc7"


def new_figure(width: float, height: float, title: str = "") -> Figure:
    """Return an empty figure of a size in inches.

    It does not go through pyplot: it needs no display and is freed like any other object.
    """
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    return figure


def style_chart(axes: Axes, xlabel: str = "", ylabel: str = "", title: str = "") -> Axes:
    """Give a chart a light grid, no box, and labels."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(color=FAINT)
    axes.tick_params(colors=INK, labelsize=8, length=3, width=0.6)
    axes.grid(True, color="#e6e8ee", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel(xlabel, fontsize=9, color=INK)
    axes.set_ylabel(ylabel, fontsize=9, color=INK)
    axes.set_title(title, fontsize=10, color=INK, loc="left")
    return axes


def percent_axis(axis: Axis) -> None:
    """Label the ticks of an axis of shares as percentages."""
    axis.set_major_formatter(lambda value, _: f"{100 * value:g} %")


def save_figure(figure: Figure, path: str | Path, dpi: int = 130) -> Path:
    """Write a figure atomically and return its path.

    Args:
        figure (Figure): Figure to save.
        path (str | Path): File to write; its suffix chooses the format (.png, .svg, .pdf, ...).
            Missing folders are created.
        dpi (int): Dots per inch.

    Raises:
        ValueError: If matplotlib cannot write the format.
    """
    path = Path(path)
    known = figure.canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in known:
        raise ValueError(f"cannot write '{path}': use one of .{', .'.join(sorted(known))}")
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=dpi, format=path.suffix[1:])
    return path
