"""What motion reconstruction sees, must guess and guesses, frame by frame."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from masa_mm.pose.skeleton import NUM_JOINTS, PARTS, Part
from masa_mm.visualization.skeleton import draw_part, note_absence
from masa_mm.visualization.style import (
    FAINT,
    INK,
    MASKED_SHADE,
    PREDICTED_COLOR,
    TRUE_COLOR,
    bare,
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
    """A masked clip with its true and predicted motion residuals (MASA, Fig. 2).

    Columns are masked frames and visible ones between them, rows the parts as the network gets them
    (the left hand mirrored). Masked frames are shaded, and only they carry arrows: the true and
    the predicted way of each joint over the next frames. Below, the mean length of both over the
    whole clip.

    Args:
        keypoint: [T, 49, 2] part coordinates.
        score: [T, 49]; 0 is absent.
        frame_mask: bool [T, 3], True is masked, or [T] for all parts alike.
        motion: [T, 49, 2] true residuals of one interval, in crop pixels.
        motion_weight: [T, 49]; 0 where a residual has no confident ends, which then gets no arrow.
        prediction: [T, 49, 2] predicted ones.
        title: such as the gloss.
        num_frames: columns.
        pixel_scale: crop pixels to a crop side.

    Raises:
        ValueError: shapes that do not belong to one clip.
    """
    keypoint, score = np.asarray(keypoint, float) * pixel_scale, np.asarray(score, float)
    mask = _as_part_mask(frame_mask)
    _check(keypoint, score, mask, motion, motion_weight, prediction)
    known = np.asarray(motion_weight) > 0
    frames = _chosen_frames(mask, known, score, num_frames)
    figure = new_figure(1.45 * len(frames) + 0.6, 6.6)
    grid = figure.add_gridspec(4, len(frames), height_ratios=(1, 1, 1, 0.75))
    for row, part in enumerate(PARTS):
        view = _view_of(part, keypoint, score, pixel_scale)
        for column, frame in enumerate(frames):
            axes = bare(figure.add_subplot(grid[row, column]))
            joints = part.joints
            if mask[frame, row]:
                _draw_hidden(axes, part, keypoint[frame, joints], score[frame, joints])
                for values, color in ((motion, TRUE_COLOR), (prediction, PREDICTED_COLOR)):
                    start, way = keypoint[frame, joints], values[frame, joints]
                    _draw_arrows(
                        axes, start[known[frame, joints]], way[known[frame, joints]], color
                    )
            else:
                draw_part(axes, part, keypoint[frame, joints], score[frame, joints])
            note_absence(axes, score[frame, joints])
            axes.set(xlim=view[0], ylim=view[1][::-1], aspect="equal")
            if row == 0:
                axes.set_title(f"frame {frame}", fontsize=8, color=INK, pad=3)
            if column == 0:
                label = part.name.replace("_", " ")
                label += "\n(mirrored)" if part is PARTS[1] else ""
                axes.set_ylabel(label, fontsize=9, color=INK)
    _draw_lengths(figure.add_subplot(grid[3, :]), known, mask, motion, prediction, frames)
    _add_legend(figure)
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    return figure


def _draw_hidden(axes: Axes, part: Part, keypoint: np.ndarray, score: np.ndarray) -> None:
    """A part the network does not see in this frame: shaded, in grey."""
    axes.set_facecolor(MASKED_SHADE)
    draw_part(axes, part, keypoint, score, color="#9aa0aa", linewidth=1.0, alpha=0.75)


def _draw_arrows(axes: Axes, start: np.ndarray, way: np.ndarray, color: str) -> None:
    axes.quiver(
        *start.T,
        *way.T,
        color=color,
        angles="xy",
        scale_units="xy",
        scale=1.0,
        width=0.011,
        headwidth=3.2,
        headlength=3.6,
        headaxislength=3.2,
        zorder=4,
    )


def _draw_lengths(
    axes: Axes,
    known: np.ndarray,
    mask: np.ndarray,
    motion: np.ndarray,
    prediction: np.ndarray,
    frames: np.ndarray,
) -> None:
    """Mean length of true and predicted motion over the joints that have one, frame by frame."""
    plain(axes)
    time = np.arange(len(known))
    weight = known / np.maximum(known.sum(1, keepdims=True), 1)
    true, predicted = (
        (np.linalg.norm(values, axis=-1) * weight).sum(1) for values in (motion, prediction)
    )
    masked = mask.any(1)
    for frame in np.flatnonzero(masked):
        axes.axvspan(frame - 0.5, frame + 0.5, color=MASKED_SHADE, linewidth=0, zorder=0)
    axes.plot(time, true, color=TRUE_COLOR, linewidth=1.5)
    axes.plot(
        time, np.where(masked, predicted, np.nan), "o-", color=PREDICTED_COLOR, lw=1.3, ms=2.6
    )
    axes.plot(frames, np.zeros(len(frames)), "^", color=INK, ms=6, clip_on=False)
    axes.set_xlim(-0.5, len(time) - 0.5)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("frame (triangles: drawn above)", fontsize=8, color=INK)
    axes.set_ylabel("mean motion\n(crop pixels)", fontsize=8, color=INK)


def _add_legend(figure: Figure) -> None:
    figure.legend(
        handles=[
            Line2D([], [], color=TRUE_COLOR, linewidth=2, label="true motion"),
            Line2D([], [], color=PREDICTED_COLOR, linewidth=2, label="predicted motion"),
            Patch(facecolor=MASKED_SHADE, edgecolor=FAINT, label="masked"),
        ],
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=9,
    )


def _chosen_frames(
    mask: np.ndarray, known: np.ndarray, score: np.ndarray, count: int
) -> np.ndarray:
    """Frames to draw, in order: two thirds masked with a motion to guess, the rest visible.

    Each kind is spread evenly over the clip; of the visible ones those around the masked.
    """
    present = (score > 0).any(1)
    if not present.any():
        raise ValueError("the clip has no present joint in any frame, there is nothing to draw")
    masked = np.flatnonzero(mask.any(1) & known.any(1))
    visible = np.flatnonzero(present & ~mask.any(1))
    if len(masked):
        near = (visible >= masked[0] - 3) & (visible <= masked[-1] + 3)
        visible = visible[near]
    num_visible = min(len(visible), max(count // 3, count - len(masked)))
    return np.sort(
        np.concatenate([_spread(masked, count - num_visible), _spread(visible, num_visible)])
    )


def _spread(values: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` of the values, evenly spread."""
    count = min(count, len(values))
    return (
        values[np.linspace(0, len(values) - 1, count).round().astype(int)] if count else values[:0]
    )


def _view_of(
    part: Part, keypoint: np.ndarray, score: np.ndarray, pixel_scale: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """X and y limits of a square that holds the part in every frame of the clip."""
    shown = keypoint[:, part.joints][score[:, part.joints] > 0]
    if not len(shown):
        return (0.0, pixel_scale), (0.0, pixel_scale)
    low, high = shown.min(0), shown.max(0)
    radius = 0.55 * (high - low).max() + 0.02 * pixel_scale
    center = (low + high) / 2
    return tuple((middle - radius, middle + radius) for middle in center)


def _as_part_mask(frame_mask: np.ndarray) -> np.ndarray:
    mask = np.asarray(frame_mask, dtype=bool)
    return np.repeat(mask[:, None], len(PARTS), axis=1) if mask.ndim == 1 else mask


def _check(keypoint, score, mask, motion, motion_weight, prediction) -> None:
    length = len(keypoint)
    wanted = {
        "keypoint": (keypoint, (length, NUM_JOINTS, 2)),
        "score": (score, (length, NUM_JOINTS)),
        "frame_mask": (mask, (length, len(PARTS))),
        "motion": (motion, (length, NUM_JOINTS, 2)),
        "motion_weight": (motion_weight, (length, NUM_JOINTS)),
        "prediction": (prediction, (length, NUM_JOINTS, 2)),
    }
    for name, (array, shape) in wanted.items():
        if np.shape(array) != shape:
            raise ValueError(f"{name} must be {list(shape)}, got {list(np.shape(array))}")
