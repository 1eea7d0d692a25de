"""Pictures of the frames of a clip."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from masa_mm.pose.skeleton import BODY, LEFT_HAND, NUM_JOINTS, PARTS, RIGHT_HAND, WRIST_LINKS, Part
from masa_mm.visualization.style import FAINT, INK, PART_COLORS, new_figure

# A hand's crop is 2.2 times the size of the hand, which is about 1.2 shoulder widths.
_CROP_IN_SHOULDERS = 1.2
_CROP_WITHOUT_SHOULDERS = 0.25
_SHOULDERS = [BODY.start + 1, BODY.start + 4]
# The graph connects the arms to the nose; pictures show a neck and a chest line instead.
BODY_LINES = ((1, 4), (1, 2), (2, 3), (4, 5), (5, 6))
# Corners of the part of a crop [0, 1] that a picture shows; hands are smaller than their crops.
_CROP_VIEW = np.array([[0.1, 0.1], [0.9, 0.9]])


def assemble(
    keypoint: np.ndarray, score: np.ndarray, aspect: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Put the hands back on the wrists of the body.

    Part coordinates do not keep the size of the hands; a size typical for the width of the
    shoulders is used.

    Args:
        keypoint (np.ndarray): Part coordinates [T, 49, 2], the left hand mirrored.
        score (np.ndarray): Scores [T, 49]; 0 is absent.
        aspect (float): Width / height of the image, which stretches the body.

    Returns:
        tuple[np.ndarray, np.ndarray]: Keypoints [T, 49, 2] in units of the image height, and scores
        [T, 49]. A hand is absent in frames without its wrist on the body.

    Raises:
        ValueError: If the arrays are not a clip of 49 joints.
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
    mirrored = ((RIGHT_HAND, 1.0), (LEFT_HAND, -1.0))
    for (part, sign), (hand_wrist, body_wrist) in zip(mirrored, WRIST_LINKS):
        from_wrist = keypoint[:, part.joints] - keypoint[:, hand_wrist, None]
        whole[:, part.joints] = whole[:, body_wrist, None] + side * from_wrist * [sign, 1.0]
        has_wrists = (score[:, body_wrist] > 0) & (score[:, hand_wrist] > 0)
        shown[:, part.joints] *= has_wrists[:, None]
    return whole, shown


def _crop_side(whole: np.ndarray, score: np.ndarray) -> float:
    seen = (score[:, _SHOULDERS] > 0).all(1)
    if not seen.any():
        return _CROP_WITHOUT_SHOULDERS
    left, right = whole[seen][:, _SHOULDERS].swapaxes(0, 1)
    return float(_CROP_IN_SHOULDERS * np.median(np.linalg.norm(left - right, axis=-1)))


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
        axes (Axes): Axes with y pointing down.
        part (Part): One of :data:`masa_mm.pose.skeleton.PARTS`.
        keypoint (np.ndarray): Joints of the part [V, 2] in data units.
        score (np.ndarray): Scores [V]; 0 is absent.
        color (str | None): Colour; by default that of the part.
        linewidth (float): Width of the bones in points.
        alpha (float): Opacity.
    """
    color = color or PART_COLORS[part.name]
    edges = np.array(BODY_LINES if part is BODY else part.edges)
    edges = edges[(score[edges] > 0).all(1)]
    bones = LineCollection(
        keypoint[edges], colors=color, linewidths=linewidth, alpha=alpha, capstyle="round"
    )
    axes.add_collection(bones)
    size = np.full(len(keypoint), 1.6 * linewidth**2)
    if part is BODY:
        size[0] = 60 * linewidth**2  # the head
    present = score > 0
    x, y = keypoint[present].T
    axes.scatter(x, y, s=size[present], color=color, alpha=alpha, linewidths=0, zorder=3)


def draw_panel(
    axes: Axes,
    part: Part,
    keypoint: np.ndarray,
    score: np.ndarray,
    view: np.ndarray,
    **style: Any,
) -> None:
    """Draw a part, or the word 'absent', on axes that show the surroundings of points [N, 2]."""
    draw_part(axes, part, keypoint, score, **style)
    if not (score > 0).any():
        axes.annotate(
            "absent",
            (0.5, 0.5),
            xycoords="axes fraction",
            ha="center",
            va="center",
            fontsize=8,
            color="#8a8f9a",
        )
    _set_view(axes, view)


def _set_view(axes: Axes, points: np.ndarray) -> None:
    """Show a square around points [N, 2], y pointing down, without ticks."""
    points = points if len(points) else _CROP_VIEW
    low, high = points.min(0), points.max(0)
    (x, y), radius = (low + high) / 2, max(0.575 * (high - low).max(), 1e-3)
    axes.set(xlim=(x - radius, x + radius), ylim=(y + radius, y - radius), aspect="equal")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(color=FAINT, linewidth=0.6)


def plot_clip(
    keypoint: np.ndarray,
    score: np.ndarray,
    title: str = "",
    num_frames: int = 8,
    aspect: float = 1.0,
) -> Figure:
    """Draw evenly spread frames of a clip: the whole signer, and each hand in its own crop.

    Args:
        keypoint (np.ndarray): Part coordinates [T, 49, 2].
        score (np.ndarray): Scores [T, 49]; 0 is absent.
        title (str): Title, such as the gloss.
        num_frames (int): Number of frames.
        aspect (float): Width / height of the image.

    Returns:
        Figure: A column for each frame.

    Raises:
        ValueError: If the arrays are not a clip of 49 joints.
    """
    whole, shown = assemble(keypoint, score, aspect)
    frames = np.unique(np.linspace(0, len(whole) - 1, num_frames).round().astype(int))
    figure = new_figure(1.35 * len(frames) + 0.4, 4.6, title)
    grid = figure.subplots(3, len(frames), squeeze=False, height_ratios=(1.35, 1, 1))
    for axes, frame in zip(grid.T, frames):
        for part in PARTS:
            draw_part(axes[0], part, whole[frame, part.joints], shown[frame, part.joints])
        _set_view(axes[0], whole[frames][shown[frames] > 0])
        axes[0].set_title(f"{frame}", fontsize=8, color=INK, pad=2)
        for panel, part in zip(axes[1:], (RIGHT_HAND, LEFT_HAND)):
            hand = keypoint[frame, part.joints]
            if part is LEFT_HAND:  # stored mirrored
                hand = hand * [-1.0, 1.0] + [1.0, 0.0]
            draw_panel(panel, part, hand, score[frame, part.joints], _CROP_VIEW)
    for row, name in zip(grid, ("whole", "right hand", "left hand")):
        row[0].set_ylabel(name, fontsize=9, color=INK)
    return figure
