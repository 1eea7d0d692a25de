"""Pictures of masked clips with their true and predicted motion."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from masa_mm.pose.skeleton import LEFT_HAND, NUM_JOINTS, PARTS
from masa_mm.visualization.skeleton import draw_panel
from masa_mm.visualization.style import (
    INK,
    MASKED_SHADE,
    PREDICTED_COLOR,
    TRUE_COLOR,
    new_figure,
    style_chart,
)

# Arrows are as long as the motion that they show.
_TO_SCALE: dict[str, Any] = dict(angles="xy", scale_units="xy", scale=1.0, zorder=4)


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

    Columns are masked frames and visible ones between them; rows are the parts as the network sees
    them, with the left hand mirrored. Masked frames are shaded and have arrows: the true and the
    predicted motion of each joint. The chart below shows the mean length of both in every frame.

    Args:
        keypoint (np.ndarray): Part coordinates [T, 49, 2].
        score (np.ndarray): Scores [T, 49]; 0 is absent.
        frame_mask (np.ndarray): True is masked, bool [T, 3], or [T] for all parts.
        motion (np.ndarray): True residuals of one interval [T, 49, 2] in crop pixels.
        motion_weight (np.ndarray): Weights [T, 49]; joints with 0 get no arrow.
        prediction (np.ndarray): Predicted residuals [T, 49, 2] in crop pixels.
        title (str): Title, such as the gloss.
        num_frames (int): Number of columns.
        pixel_scale (float): Crop pixels to a side of the crop.

    Returns:
        Figure: Three rows of pictures, and the chart.

    Raises:
        ValueError: If the shapes do not belong to one clip, or no frame has a present joint.
    """
    mask = np.asarray(frame_mask, dtype=bool)
    mask = np.repeat(mask[:, None], len(PARTS), axis=1) if mask.ndim == 1 else mask
    frames_joints = [len(keypoint), NUM_JOINTS]
    _check_shapes([*frames_joints, 2], keypoint=keypoint, motion=motion, prediction=prediction)
    _check_shapes(frames_joints, score=score, motion_weight=motion_weight)
    _check_shapes([len(keypoint), len(PARTS)], frame_mask=mask)
    keypoint, score = np.asarray(keypoint, float) * pixel_scale, np.asarray(score, float)
    known = np.asarray(motion_weight) > 0
    frames = _select_frames(mask, known, score, num_frames)
    figure = new_figure(1.45 * len(frames) + 0.6, 6.6, title)
    grid = figure.add_gridspec(4, len(frames), height_ratios=(1, 1, 1, 0.75))
    for row, part in enumerate(PARTS):
        joints, view = part.joints, keypoint[:, part.joints][score[:, part.joints] > 0]
        for column, frame in enumerate(frames):
            axes = figure.add_subplot(grid[row, column])
            pose = keypoint[frame, joints], score[frame, joints]
            if mask[frame, row]:
                axes.set_facecolor(MASKED_SHADE)
                draw_panel(axes, part, *pose, view, color="#9aa0aa", linewidth=1.0, alpha=0.75)
                moved = known[frame, joints]
                x, y = keypoint[frame, joints][moved].T
                for values, color in ((motion, TRUE_COLOR), (prediction, PREDICTED_COLOR)):
                    dx, dy = values[frame, joints][moved].T
                    axes.quiver(x, y, dx, dy, color=color, width=0.011, **_TO_SCALE)
            else:
                draw_panel(axes, part, *pose, view)
            if row == 0:
                axes.set_title(f"frame {frame}", fontsize=8, color=INK, pad=3)
            if column == 0:
                label = part.name.replace("_", " ") + "\n(mirrored)" * (part is LEFT_HAND)
                axes.set_ylabel(label, fontsize=9, color=INK)
    _draw_lengths(figure.add_subplot(grid[3, :]), known, mask, motion, prediction, frames)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _check_shapes(shape: list[int], **arrays: np.ndarray) -> None:
    for name, array in arrays.items():
        if list(np.shape(array)) != shape:
            raise ValueError(f"{name} must be {shape}, got {list(np.shape(array))}")


def _draw_lengths(
    axes: Axes,
    known: np.ndarray,
    mask: np.ndarray,
    motion: np.ndarray,
    prediction: np.ndarray,
    frames: np.ndarray,
) -> None:
    """Draw the mean length of true and predicted motion over the known joints of each frame."""
    style_chart(axes, "frame (triangles: drawn above)", "mean motion\n(crop pixels)")
    time = np.arange(len(known))
    weight = known / np.maximum(known.sum(1, keepdims=True), 1)
    true, predicted = (
        (np.linalg.norm(values, axis=-1) * weight).sum(1) for values in (motion, prediction)
    )
    masked = mask.any(1)
    predicted = np.where(masked, predicted, np.nan)
    axes.plot(time, true, color=TRUE_COLOR, lw=1.5, label="true motion")
    axes.plot(
        time, predicted, "o-", color=PREDICTED_COLOR, lw=1.3, ms=2.6, label="predicted motion"
    )
    top = axes.get_ylim()[1]
    axes.bar(time[masked], top, width=1, color=MASKED_SHADE, zorder=0, label="masked")
    axes.plot(frames, np.zeros(len(frames)), "^", color=INK, ms=6, clip_on=False)
    axes.set_xlim(-0.5, len(time) - 0.5)
    axes.set_ylim(0, top)


def _select_frames(
    mask: np.ndarray, known: np.ndarray, score: np.ndarray, count: int
) -> np.ndarray:
    """Return the frames to draw: two thirds masked with known motion, the rest visible near them.

    Each kind is spread evenly.
    """
    present = (score > 0).any(1)
    if not present.any():
        raise ValueError("the clip has no present joint in any frame; there is nothing to draw")
    masked = np.flatnonzero(mask.any(1) & known.any(1))
    visible = np.flatnonzero(present & ~mask.any(1))
    if len(masked):
        visible = visible[(visible >= masked[0] - 3) & (visible <= masked[-1] + 3)]
    num_visible = min(len(visible), max(count // 3, count - len(masked)))
    return np.sort([*_spread(masked, count - num_visible), *_spread(visible, num_visible)])


def _spread(values: np.ndarray, count: int) -> np.ndarray:
    """Return at most ``count`` of the values, evenly spread."""
    index = np.linspace(0, len(values) - 1, min(count, len(values)))
    return values[index.round().astype(int)]
