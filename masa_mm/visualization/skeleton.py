"""Figures of sign poses."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from masa_mm.pose.skeleton import BODY, LEFT_HAND, NUM_JOINTS, PARTS, RIGHT_HAND, WRIST_LINKS, Part
from masa_mm.visualization.style import INK, PART_COLORS, bare, new_figure

# A crop is 2.2 times as large as the hand, which is about 1.2 shoulder widths.
_CROP_IN_SHOULDERS = 1.2
_CROP_WITHOUT_SHOULDERS = 0.25
# Drawn instead of the edges of the graph, in which the arms start at the nose.
_BODY_LINES = ((1, 4), (1, 2), (2, 3), (4, 5), (5, 6))


def assemble(
    keypoint: np.ndarray, score: np.ndarray, aspect: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Place the hands at the wrists of the body.

    Part coordinates lack the size of the hands, so their size is estimated from the shoulders.

    Args:
        keypoint (np.ndarray): Part coordinates [T, 49, 2].
        score (np.ndarray): Scores [T, 49]; 0 is absent.
        aspect (float): Width / height of the image, which the body is stretched by.

    Returns:
        tuple[np.ndarray, np.ndarray]: Keypoints [T, 49, 2] in image heights and scores [T, 49]. A
        hand without a wrist on the body is absent.

    Raises:
        ValueError: The shapes are not those of a clip of 49 joints.
    """
    keypoint, score = np.asarray(keypoint, dtype=np.float64), np.asarray(score, dtype=np.float64)
    is_clip = keypoint.ndim == 3 and keypoint.shape[1:] == (NUM_JOINTS, 2) and len(keypoint)
    if not is_clip or score.shape != keypoint.shape[:2]:
        raise ValueError(
            f"a clip is keypoint [T, {NUM_JOINTS}, 2] and score [T, {NUM_JOINTS}], "
            f"got {keypoint.shape} and {score.shape}"
        )
    whole, shown = keypoint * [aspect, 1.0], score.copy()
    side = _crop_side(whole, score)
    # The left hand is stored mirrored.
    hands = zip((RIGHT_HAND, LEFT_HAND), (1.0, -1.0), WRIST_LINKS)
    for part, direction, (hand_wrist, body_wrist) in hands:
        from_wrist = keypoint[:, part.joints] - keypoint[:, hand_wrist, None]
        whole[:, part.joints] = whole[:, body_wrist, None] + side * from_wrist * [direction, 1.0]
        has_wrists = (score[:, body_wrist] > 0) & (score[:, hand_wrist] > 0)
        shown[:, part.joints] *= has_wrists[:, None]
    return whole, shown


def _crop_side(whole: np.ndarray, score: np.ndarray) -> float:
    """Return a typical side of the hands' crops in image heights."""
    shoulders = [BODY.start + 1, BODY.start + 4]
    seen = np.all(score[:, shoulders] > 0, axis=1)
    if not seen.any():
        return _CROP_WITHOUT_SHOULDERS
    width = np.linalg.norm(whole[seen, shoulders[0]] - whole[seen, shoulders[1]], axis=-1)
    return float(_CROP_IN_SHOULDERS * np.median(width))


def draw_part(
    axes: Axes,
    part: Part,
    keypoint: np.ndarray,
    score: np.ndarray,
    color: str | None = None,
    linewidth: float = 1.4,
    alpha: float = 1.0,
) -> None:
    """Draw the present joints of a part, and the bones between them.

    Args:
        axes (Axes): Axes whose y axis points down.
        part (Part): One of :data:`masa_mm.pose.skeleton.PARTS`.
        keypoint (np.ndarray): Joints of the part [V, 2] in data units of the axes.
        score (np.ndarray): Scores [V]; 0 is absent.
        color (str | None): Colour; by default that of the part.
        linewidth (float): Width of the bones in points.
        alpha (float): Opacity.
    """
    color = color or PART_COLORS[part.name]
    edges = np.array(_BODY_LINES if part is BODY else part.edges)
    edges = edges[np.all(score[edges] > 0, axis=1)]
    bones = LineCollection(
        keypoint[edges], colors=color, linewidths=linewidth, alpha=alpha, capstyle="round"
    )
    axes.add_collection(bones)
    joints = np.flatnonzero(score > 0)
    # The nose of the body stands for the head.
    size = np.where((joints == 0) & (part is BODY), 60, 1.6) * linewidth**2
    x, y = keypoint[joints].T
    axes.scatter(x, y, s=size, color=color, alpha=alpha, linewidths=0, zorder=3)


def plot_clip(
    keypoint: np.ndarray,
    score: np.ndarray,
    title: str = "",
    num_frames: int = 8,
    aspect: float = 1.0,
) -> Figure:
    """Draw evenly spread frames: the whole signer, and each hand in its crop.

    Args:
        keypoint (np.ndarray): Part coordinates [T, 49, 2].
        score (np.ndarray): Scores [T, 49]; 0 is absent.
        title (str): Title, such as the gloss.
        num_frames (int): Number of columns.
        aspect (float): Width / height of the image.

    Raises:
        ValueError: The shapes are not those of a clip of 49 joints.
    """
    whole, shown = assemble(keypoint, score, aspect)
    frames = np.unique(np.linspace(0, len(whole) - 1, num_frames).round().astype(int))
    figure = new_figure(1.35 * len(frames) + 0.4, 4.6, title)
    grid = figure.subplots(3, len(frames), squeeze=False, height_ratios=(1.35, 1, 1))
    center, radius = bounding_square(whole[frames], shown[frames])
    for column, frame in enumerate(frames):
        top = grid[0, column]
        for part in PARTS:
            draw_part(top, part, whole[frame, part.joints], shown[frame, part.joints])
        set_view(top, center, radius)
        top.set_title(f"{frame}", fontsize=8, color=INK, pad=2)
        for axes, part in zip(grid[1:, column], (RIGHT_HAND, LEFT_HAND)):
            _draw_crop(axes, part, keypoint[frame, part.joints], score[frame, part.joints])
    for row, name in enumerate(("whole", "right hand", "left hand")):
        grid[row, 0].set_ylabel(name, fontsize=9, color=INK)
    return figure


def _draw_crop(axes: Axes, part: Part, hand: np.ndarray, score: np.ndarray) -> None:
    """Draw a hand in its crop; the left hand, which is stored mirrored, as a viewer sees it."""
    if part is LEFT_HAND:
        hand = hand * [-1.0, 1.0] + [1.0, 0.0]
    draw_part(axes, part, hand, score)
    note_absence(axes, score)
    set_view(axes, np.array([0.5, 0.5]), 0.46)


def note_absence(axes: Axes, score: np.ndarray) -> None:
    """Write 'absent' into axes if no joint is present."""
    if not np.any(score > 0):
        style: dict[str, Any] = dict(ha="center", va="center", fontsize=8, color="#8a8f9a")
        axes.text(0.5, 0.5, "absent", transform=axes.transAxes, **style)


def bounding_square(
    keypoint: np.ndarray, score: np.ndarray, scale: float = 1.0
) -> tuple[np.ndarray, float]:
    """Return centre and half side of a square around all present joints.

    Args:
        keypoint (np.ndarray): Joints [..., 2].
        score (np.ndarray): Scores [...]; 0 is absent.
        scale (float): Side of the square if no joint is present.

    Returns:
        tuple[np.ndarray, float]: Centre [2] and half the side, with a margin.
    """
    present = keypoint[score > 0]
    if not len(present):
        return np.full(2, scale / 2), scale / 2
    low, high = present.min(0), present.max(0)
    return (low + high) / 2, 0.6 * max(float((high - low).max()), 1e-3 * scale)


def set_view(axes: Axes, center: np.ndarray, radius: float) -> None:
    """Show a square region with the y axis pointing down."""
    (left, top), (right, bottom) = center - radius, center + radius
    bare(axes).set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
