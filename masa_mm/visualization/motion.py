"""Figure of motion reconstruction: what is masked, the true motion, and the prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from masa_mm.pose.skeleton import LEFT_HAND, NUM_JOINTS, PARTS, Part
from masa_mm.visualization.skeleton import bounding_square, draw_part, note_absence, set_view
from masa_mm.visualization.style import (
    FAINT,
    INK,
    MASKED_SHADE,
    PREDICTED_COLOR,
    TRUE_COLOR,
    new_figure,
    plain,
)


def plot_masked_motion(
    keypoint: np.ndarray,
    score: np.ndarray,
    frame_mask: np.ndarray,
    motion: np.ndarray,
    motion_weight: np.ndarray,
    prediction: np.ndarray,
    title: str = "",
    num_frames: int = 8,
    pixel_scale: float = 256.0,
) -> Figure:
    """Draw a masked clip with its true and predicted motion residuals (MASA, Fig. 2).

    Columns are masked frames and visible frames between them, rows are the parts as the network
    gets them (the left hand mirrored). Masked frames are shaded and have arrows: the true and the
    predicted motion of each joint. The chart below shows the mean length of both.

    Args:
        keypoint (np.ndarray): Part coordinates [T, 49, 2].
        score (np.ndarray): Scores [T, 49]; 0 is absent.
        frame_mask (np.ndarray): Masked frames, bool [T, 3], or [T] for all parts.
        motion (np.ndarray): True residuals [T, 49, 2] of one interval in crop pixels.
        motion_weight (np.ndarray): Weights [T, 49]; residuals with weight 0 are not drawn.
        prediction (np.ndarray): Predicted residuals [T, 49, 2] in crop pixels.
        title (str): Title, such as the gloss.
        num_frames (int): Number of columns.
        pixel_scale (float): Crop pixels per side of a crop.

    Raises:
        ValueError: The shapes do not belong to one clip, or no joint is present in any frame.
    """
    keypoint, score = np.asarray(keypoint, float) * pixel_scale, np.asarray(score, float)
    mask = np.asarray(frame_mask, dtype=bool)
    if mask.ndim == 1:
        mask = np.repeat(mask[:, None], len(PARTS), axis=1)
    _check_shapes(keypoint, score, mask, motion, motion_weight, prediction)
    known = np.asarray(motion_weight) > 0
    frames = _select_frames(mask, known, score, num_frames)
    figure = new_figure(1.45 * len(frames) + 0.6, 6.6, title)
    grid = figure.add_gridspec(4, len(frames), height_ratios=(1, 1, 1, 0.75))
    for row, part in enumerate(PARTS):
        joints, seen = keypoint[:, part.joints], score[:, part.joints]
        center, radius = bounding_square(joints, seen, pixel_scale)
        for column, frame in enumerate(frames):
            axes = figure.add_subplot(grid[row, column])
            masked = bool(mask[frame, row])
            _draw_cell(axes, part, joints[frame], seen[frame], masked)
            set_view(axes, center, radius)
            if masked:
                arrows = known[frame, part.joints]
                for values, color in ((motion, TRUE_COLOR), (prediction, PREDICTED_COLOR)):
                    residual = values[frame, part.joints][arrows]
                    _draw_arrows(axes, joints[frame][arrows], residual, color)
            if row == 0:
                axes.set_title(f"frame {frame}", fontsize=8, color=INK, pad=3)
            if column == 0:
                mirrored = "\n(mirrored)" if part is LEFT_HAND else ""
                axes.set_ylabel(part.name.replace("_", " ") + mirrored, fontsize=9, color=INK)
    _draw_lengths(figure.add_subplot(grid[3, :]), known, mask, motion, prediction, frames)
    _add_legend(figure)
    return figure


def _check_shapes(
    keypoint: np.ndarray,
    score: np.ndarray,
    mask: np.ndarray,
    motion: np.ndarray,
    motion_weight: np.ndarray,
    prediction: np.ndarray,
) -> None:
    joints = (len(keypoint), NUM_JOINTS)
    for name, array, shape in (
        ("keypoint", keypoint, (*joints, 2)),
        ("score", score, joints),
        ("frame_mask", mask, (len(keypoint), len(PARTS))),
        ("motion", motion, (*joints, 2)),
        ("motion_weight", motion_weight, joints),
        ("prediction", prediction, (*joints, 2)),
    ):
        if np.shape(array) != shape:
            raise ValueError(f"{name} must be {list(shape)}, got {list(np.shape(array))}")


def _select_frames(
    mask: np.ndarray, known: np.ndarray, score: np.ndarray, count: int
) -> np.ndarray:
    """Select two thirds masked frames with known motion, and visible ones near them, in order."""
    present = np.any(score > 0, axis=1)
    if not present.any():
        raise ValueError("the clip has no present joint in any frame; there is nothing to draw")
    masked = np.flatnonzero(mask.any(1) & known.any(1))
    visible = np.flatnonzero(present & ~mask.any(1))
    if len(masked):
        visible = visible[(visible >= masked[0] - 3) & (visible <= masked[-1] + 3)]
    num_visible = min(len(visible), max(count // 3, count - len(masked)))
    selected = [_spread(masked, count - num_visible), _spread(visible, num_visible)]
    return np.sort(np.concatenate(selected))


def _spread(values: np.ndarray, count: int) -> np.ndarray:
    """Select at most ``count`` evenly spread values."""
    return values[np.linspace(0, len(values) - 1, min(count, len(values))).round().astype(int)]


def _draw_cell(
    axes: Axes, part: Part, keypoint: np.ndarray, score: np.ndarray, masked: bool
) -> None:
    """Draw a part in one frame, in grey on a shade if it is masked."""
    if masked:
        axes.set_facecolor(MASKED_SHADE)
        draw_part(axes, part, keypoint, score, color="#9aa0aa", linewidth=1.0, alpha=0.75)
    else:
        draw_part(axes, part, keypoint, score)
    note_absence(axes, score)


def _draw_arrows(axes: Axes, start: np.ndarray, residual: np.ndarray, color: str) -> None:
    head: dict[str, Any] = dict(headwidth=3.2, headlength=3.6, headaxislength=3.2, width=0.011)
    units: dict[str, Any] = dict(angles="xy", scale_units="xy", scale=1.0)
    axes.quiver(*start.T, *residual.T, color=color, zorder=4, **units, **head)


def _draw_lengths(
    axes: Axes,
    known: np.ndarray,
    mask: np.ndarray,
    motion: np.ndarray,
    prediction: np.ndarray,
    frames: np.ndarray,
) -> None:
    """Plot the mean length of true and predicted motion over the known joints of each frame."""
    plain(axes, "frame (triangles: drawn above)", "mean motion\n(crop pixels)", fontsize=8)
    time = np.arange(len(known))
    weight = known / np.maximum(known.sum(1, keepdims=True), 1)
    true, predicted = (
        (np.linalg.norm(values, axis=-1) * weight).sum(1) for values in (motion, prediction)
    )
    masked = mask.any(1)
    for frame in np.flatnonzero(masked):
        axes.axvspan(frame - 0.5, frame + 0.5, color=MASKED_SHADE, linewidth=0, zorder=0)
    predicted = np.where(masked, predicted, np.nan)
    axes.plot(time, true, color=TRUE_COLOR, linewidth=1.5)
    axes.plot(time, predicted, "o-", color=PREDICTED_COLOR, lw=1.3, ms=2.6)
    axes.plot(frames, np.zeros(len(frames)), "^", color=INK, ms=6, clip_on=False)
    axes.set_xlim(-0.5, len(time) - 0.5)
    axes.set_ylim(bottom=0)


def _add_legend(figure: Figure) -> None:
    handles = [
        Line2D([], [], color=TRUE_COLOR, linewidth=2, label="true motion"),
        Line2D([], [], color=PREDICTED_COLOR, linewidth=2, label="predicted motion"),
        Patch(facecolor=MASKED_SHADE, edgecolor=FAINT, label="masked"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
