"""Frames of a sign pose as pictures."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from masa_mm.pose.skeleton import BODY, LEFT_HAND, NUM_JOINTS, PARTS, RIGHT_HAND, WRIST_LINKS, Part
from masa_mm.visualization.style import INK, PART_COLORS, bare, new_figure

# A hand's crop is 2.2 times the hand's extent, which makes its side about as long as 1.2 shoulder
# widths.
_CROP_IN_SHOULDERS = 1.2
_CROP_WITHOUT_SHOULDERS = 0.25
# A neck and a chest line read better than arms that hang from the nose; drawn only, not in the
# graph.
_BODY_LINES = ((1, 4), (1, 2), (2, 3), (4, 5), (5, 6))


def assemble(
    keypoint: np.ndarray, score: np.ndarray, aspect: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Put the hands back on the body's wrists.

    Part coordinates do not keep the hands' size, so one typical for the shoulders' width is used.

    Args:
        keypoint: [T, 49, 2] part coordinates (each hand in its crop, the left one mirrored).
        score: [T, 49]; 0 is absent.
        aspect: image width / height, which the body's coordinates are stretched back by.

    Returns:
        [T, 49, 2] in units of the image height, and scores [T, 49] in which a hand without a wrist
        on the body is absent, because there is no place to draw it.
    """
    keypoint, score = _checked(keypoint, score)
    whole, shown = keypoint * [aspect, 1.0], score.copy()
    side = _crop_side(whole, score)
    for part, mirrored, (hand_wrist, body_wrist) in zip(
        (RIGHT_HAND, LEFT_HAND), (1.0, -1.0), WRIST_LINKS, strict=True
    ):
        around_wrist = keypoint[:, part.joints] - keypoint[:, hand_wrist, None]
        hand = whole[:, body_wrist, None] + side * around_wrist * [mirrored, 1.0]
        whole[:, part.joints] = hand
        placeable = (score[:, body_wrist] > 0) & (score[:, hand_wrist] > 0)
        shown[:, part.joints] *= placeable[:, None]
    return whole, shown


def _crop_side(whole: np.ndarray, score: np.ndarray) -> float:
    shoulders = [BODY.start + 1, BODY.start + 4]
    seen = (score[:, shoulders] > 0).all(1)
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
    """Draw one part's bones and joints, only where both ends of a bone are present.

    Args:
        axes: where; y is taken to run down.
        part: which of :data:`masa_mm.pose.skeleton.PARTS`.
        keypoint: [V, 2] the part's joints, in the axes' data units.
        score: [V]; 0 is absent.
        color: the part's own colour by default.
        linewidth: of the bones, in points.
        alpha: opacity.
    """
    color = color or PART_COLORS[part.name]
    edges = np.array(_BODY_LINES if part is BODY else part.edges)
    edges = edges[(score[edges] > 0).all(1)]
    bones = LineCollection(
        keypoint[edges], colors=color, linewidths=linewidth, alpha=alpha, capstyle="round"
    )
    axes.add_collection(bones)
    shown = keypoint[score > 0]
    head = np.arange(len(keypoint))[score > 0] == 0 if part is BODY else np.zeros(len(shown), bool)
    size = np.where(head, 60 * linewidth**2, 1.6 * linewidth**2)
    axes.scatter(*shown.T, s=size, color=color, alpha=alpha, linewidths=0, zorder=3)


def plot_clip(
    keypoint: np.ndarray,
    score: np.ndarray,
    title: str = "",
    num_frames: int = 8,
    aspect: float = 1.0,
) -> Figure:
    """A strip of evenly spread frames: the whole signer, and each hand in its own crop.

    Args:
        keypoint: [T, 49, 2] part coordinates.
        score: [T, 49]; 0 is absent.
        title: such as the gloss.
        num_frames: columns.
        aspect: image width / height.

    Raises:
        ValueError: shapes that are not a clip of 49 joints.
    """
    whole, shown = assemble(keypoint, score, aspect)
    frames = np.unique(np.linspace(0, len(whole) - 1, num_frames).round().astype(int))
    figure = new_figure(1.35 * len(frames) + 0.4, 4.6)
    grid = figure.subplots(3, len(frames), squeeze=False, height_ratios=(1.35, 1, 1))
    center, radius = _frame_around(whole[frames], shown[frames])
    for column, frame in enumerate(frames):
        top = grid[0, column]
        for part in PARTS:
            draw_part(top, part, whole[frame, part.joints], shown[frame, part.joints])
        _set_view(top, center, radius)
        top.set_title(f"{frame}", fontsize=8, color=INK, pad=2)
        for row, part in ((1, RIGHT_HAND), (2, LEFT_HAND)):
            draw_hand_crop(grid[row, column], part, keypoint[frame], score[frame])
    for row, name in enumerate(("whole", "right hand", "left hand")):
        grid[row, 0].set_ylabel(name, fontsize=9, color=INK)
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    return figure


def draw_hand_crop(axes: Axes, part: Part, keypoint: np.ndarray, score: np.ndarray) -> None:
    """One frame's hand in its crop [0, 1], the left one turned back to how a viewer sees it.

    Args:
        axes: where.
        part: the right or the left hand.
        keypoint: [49, 2] part coordinates of the frame.
        score: [49].
    """
    hand, seen = keypoint[part.joints], score[part.joints]
    if part is LEFT_HAND:
        hand = hand * [-1.0, 1.0] + [1.0, 0.0]
    draw_part(axes, part, hand, seen)
    note_absence(axes, seen)
    _set_view(axes, np.array([0.5, 0.5]), np.array([0.46, 0.46]))


def note_absence(axes: Axes, score: np.ndarray) -> None:
    """Say so where a part has no present joint, rather than leave an empty panel."""
    if not (score > 0).any():
        place = dict(transform=axes.transAxes, ha="center", va="center")
        axes.text(0.5, 0.5, "absent", fontsize=8, color="#8a8f9a", **place)


def _frame_around(whole: np.ndarray, shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and half size of a view that holds all present joints."""
    present = whole[shown > 0]
    if not len(present):
        return np.array([0.5, 0.5]), np.array([0.5, 0.5])
    low, high = present.min(0), present.max(0)
    radius = np.full(2, 0.6 * max((high - low).max(), 1e-3))
    return (low + high) / 2, radius


def _set_view(axes: Axes, center: np.ndarray, radius: np.ndarray) -> None:
    bare(axes)
    axes.set_xlim(center[0] - radius[0], center[0] + radius[0])
    axes.set_ylim(center[1] + radius[1], center[1] - radius[1])
    axes.set_aspect("equal")


def _checked(keypoint: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    keypoint, score = np.asarray(keypoint, dtype=np.float64), np.asarray(score, dtype=np.float64)
    fits = keypoint.ndim == 3 and keypoint.shape[1:] == (NUM_JOINTS, 2) and len(keypoint)
    if not fits or score.shape != keypoint.shape[:2]:
        raise ValueError(
            f"a clip is keypoint [T, {NUM_JOINTS}, 2] and score [T, {NUM_JOINTS}], "
            f"got {keypoint.shape} and {score.shape}"
        )
    return keypoint, score
