"""Draw the architecture for README.md: python tools/docs/draw_architecture.py [OUT.svg]."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

OUT = Path(__file__).resolve().parents[2] / "docs" / "figures" / "architecture.svg"
INK, FAINT = "#222222", "#888888"
DATA, QUERY, KEY, LOSS = "#e8eef7", "#dff0e2", "#f7ecd9", "#f6dede"


class Box(NamedTuple):
    """A labelled box; x and y are its centre, in tenths of an inch."""

    x: float
    y: float
    title: str
    detail: str
    color: str
    width: float = 17
    height: float = 8


BOXES = dict(
    files=Box(9, 50, "Videos, pose files", "extraction/, sources/", DATA),
    store=Box(9, 36, "Pose store", "49 joints (x, y, score)\nin part crops", DATA, height=10),
    transforms=Box(
        9, 18, "Transforms", "MotionResidual\nMotionAwareMasking\nAlignmentViews", DATA, height=14
    ),
    embed=Box(
        40, 18, "Frame embedding", "GCN of the hands (shared)\nGCN of the body", QUERY, 20, 10
    ),
    encoder=Box(61, 18, "Encoder", "Transformer over\nvisible frames only", QUERY, height=10),
    decoder=Box(83, 18, "Motion decoder", "mask tokens, Transformer,\nMLP", QUERY, 20, 10),
    motion=Box(107, 18, "Motion loss $L_m$", "motion residual of\nmasked frames", LOSS, height=10),
    key=Box(
        49.75, 36, "Momentum encoder", "moving average of embedding, encoder, projector", KEY, 39.5
    ),
    bank=Box(83, 50, "Memory bank", "keys of recent clips", KEY, 20),
    align=Box(107, 36, "Alignment loss $L_s$", "InfoNCE", LOSS),
    project=Box(83, 36, "Pooling, projector", "of both views", KEY, 20),
    head=Box(83, 3, "Pooling, linear layer", "MASAHead", QUERY, 20),
    sign=Box(107, 3, "Sign", "finetuning, SignRecognizer", DATA, 20),
)
# From, to, label, dashed.
ARROWS = (
    ("files", "store", "", False),
    ("store", "transforms", "", False),
    ("transforms", "embed", "query view", False),
    ("embed", "encoder", "", False),
    ("encoder", "decoder", "", False),
    ("decoder", "motion", "", False),
    ("transforms", "key", "key view", False),
    ("key", "project", "", False),
    ("encoder", "project", "", False),
    ("project", "align", "", False),
    ("bank", "align", "negatives", False),
    ("project", "bank", "", True),
    ("encoder", "head", "after pretraining", True),
    ("head", "sign", "", False),
)


def draw_box(axes: Axes, box: Box) -> None:
    """Draw a box with its title above its details."""
    corner = box.x - box.width / 2, box.y - box.height / 2
    style = "round,pad=0,rounding_size=1"
    axes.add_patch(
        FancyBboxPatch(
            corner,
            box.width,
            box.height,
            boxstyle=style,
            facecolor=box.color,
            edgecolor=INK,
            lw=0.8,
        )
    )
    top = box.y + box.height / 2 - 2.6
    axes.text(box.x, top, box.title, ha="center", va="center", size=9, weight="bold", color=INK)
    axes.text(box.x, top - 2, box.detail, ha="center", va="top", size=7.5, color=INK)


def draw_arrow(axes: Axes, start: Box, end: Box, label: str, dashed: bool) -> None:
    """Draw an arrow between the facing sides of two boxes."""
    if abs(end.x - start.x) > (end.width + start.width) / 2:  # side by side
        sign = 1 if end.x > start.x else -1
        begin = start.x + sign * start.width / 2, start.y
        stop = end.x - sign * end.width / 2, end.y
    else:
        sign = 1 if end.y > start.y else -1
        begin = start.x, start.y + sign * start.height / 2
        stop = end.x, end.y - sign * end.height / 2
    axes.add_patch(
        FancyArrowPatch(
            begin,
            stop,
            arrowstyle="-|>",
            mutation_scale=9,
            shrinkA=0,
            shrinkB=0,
            color=FAINT if dashed else INK,
            linestyle="--" if dashed else "-",
            lw=1,
        )
    )
    if label:
        middle = (begin[0] + stop[0]) / 2, (begin[1] + stop[1]) / 2
        background = dict(facecolor="white", edgecolor="none", pad=1)
        axes.text(*middle, label, ha="center", va="center", size=7, color=INK, bbox=background)


def draw() -> Figure:
    """Draw the figure, 12 by 5.8 inches."""
    figure = Figure(figsize=(12, 5.8))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-1, 119), ylim=(-3, 55))
    axes.axis("off")
    for start, end, label, dashed in ARROWS:
        draw_arrow(axes, BOXES[start], BOXES[end], label, dashed)
    for box in BOXES.values():
        draw_box(axes, box)
    return figure


def main(argv: list[str]) -> int:
    """Write the SVG; the same code gives the same file."""
    out = Path(argv[0]) if argv else OUT
    settings = {"svg.fonttype": "none", "svg.hashsalt": "masa_mm", "font.family": "sans-serif"}
    with matplotlib.rc_context(settings):
        draw().savefig(out, format="svg", metadata=dict(Date=None), facecolor="white")
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
