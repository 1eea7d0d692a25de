"""One look for all pictures, and how they reach the disk."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from masa_mm.atomic_write import atomic_write

PART_COLORS = {"right_hand": "#c8553d", "left_hand": "#2a7f9e", "body": "#4b4f58"}
TRUE_COLOR, PREDICTED_COLOR = "#1b3a4b", "#e07a1f"
MASKED_SHADE = "#fbeed5"
# Lines of several runs, told apart also without colour vision (Okabe and Ito).
RUN_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
INK, FAINT = "#2b2d33", "#b9bdc7"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that size in inches, with a canvas of its own.

    Not through pyplot: nothing is registered globally, so that figures made in a training loop are
    freed like any other object and no display is needed.
    """
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: str | Path, dpi: int = 130) -> Path:
    """Write a figure beside ``path`` and rename it, so that no half-written picture is ever seen.

    Args:
        figure: what to save.
        path: its suffix chooses the format (.png, .svg, .pdf, ...); missing folders are made.
        dpi: dots an inch.

    Returns:
        ``path``.

    Raises:
        ValueError: matplotlib cannot write that suffix.
    """
    path = Path(path)
    known = figure.canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in known:
        raise ValueError(f"cannot write '{path}': use one of .{', .'.join(sorted(known))}")
    with atomic_write(path) as beside:
        figure.savefig(beside, dpi=dpi, format=path.suffix[1:])
    return path


def bare(axes: Axes) -> Axes:
    """Leave of an axes only its frame, in a light tone."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(color=FAINT, linewidth=0.6)
    return axes


def plain(axes: Axes) -> Axes:
    """A chart's axes: no box, a light grid, ink-coloured text."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(color=FAINT)
    axes.tick_params(colors=INK, labelsize=8, length=3, width=0.6)
    axes.grid(True, color="#e6e8ee", linewidth=0.7)
    axes.set_axisbelow(True)
    return axes
