"""Checks that find joints that are not positions in an image: normalised poses.

Pose tools offer to normalise a file: they shift and scale all joints until the shoulders are one
unit apart around (0, 0), give joints mean 0 and deviation 1, divide them by the image's size, or
turn and scale each hand with its wrist at a fixed place (pose-format: ``Pose.normalize``,
``Pose.normalize_distribution``, ``PoseNormalizer``). Such files look like the original ones, but
the hands' place in the image, or the unit, is lost.
"""

from __future__ import annotations

import numpy as np

from masa_mm.pose.skeleton import BODY, LEFT_HAND, RIGHT_HAND
from masa_mm.sources.base import ClipError

# All joints of a clip together extend over more pixels than this in every real image.
MIN_EXTENT = 16.0
# Distance of the shoulders' middle from (0, 0), the image's corner, in shoulder widths.
CENTER_TOLERANCE = 0.1
# Movement of a hand's wrist, and of its other joints, in hand sizes: the wrist of a normalised hand
# moves by rounding errors only, while a tracked wrist moves like the other joints.
STILL, MOVED = 1e-3, 1e-2
_MIN_FRAMES = 3
_SHOULDERS = [BODY.start + 1, BODY.start + 4]
_REMEDY = "give the file as the pose estimator wrote it, with joints in pixels"


def check_pixels(keypoint: np.ndarray, score: np.ndarray) -> None:
    """Refuse a clip whose joints are not in pixels of an image.

    Args:
        keypoint (np.ndarray): The 49 joints [T, 49, 2].
        score (np.ndarray): [T, 49], 0 = absent.

    Raises:
        ClipError: If the clip, its hands or its shoulders were normalised; the message says by what
            this was found.
    """
    visible = score > 0
    if not visible.any():
        return  # that there is no hand is found later
    extent = float(np.ptp(keypoint[visible], axis=0).max())
    if extent < MIN_EXTENT:
        raise ClipError(f"it is normalised: all joints lie within {extent:.3g} pixels", _REMEDY)
    if _is_centered(keypoint[:, _SHOULDERS], visible[:, _SHOULDERS]):
        raise ClipError("it is normalised: the middle of its shoulders is at (0, 0)", _REMEDY)
    for hand in (RIGHT_HAND, LEFT_HAND):
        if _has_fixed_wrist(keypoint[:, hand.joints], visible[:, hand.joints]):
            name = hand.name.replace("_", " ")
            problem = f"its {name} is normalised: the wrist stays in place while the fingers move"
            raise ClipError(problem, _REMEDY)


def _is_centered(shoulders: np.ndarray, visible: np.ndarray) -> bool:
    """Whether the mean middle of the shoulders [T, 2, 2] is the origin; ``visible`` is [T, 2]."""
    shoulders = shoulders[visible.all(1)]
    if not len(shoulders):
        return False
    left, right = shoulders.transpose(1, 0, 2)
    width = np.linalg.norm(left - right, axis=-1).mean()
    return bool((np.abs((left + right).mean(0) / 2) < CENTER_TOLERANCE * width).all())


def _has_fixed_wrist(hand: np.ndarray, visible: np.ndarray) -> bool:
    """Whether the wrist of a hand [T, 21, 2] does not move while its fingers do."""
    hand = hand[visible.all(1)]
    if len(hand) < _MIN_FRAMES:
        return False
    size = np.ptp(hand, axis=1).max()
    movement = np.ptp(hand, axis=0).max(-1)
    return bool(movement[0] < STILL * size and movement[1:].max() > MOVED * size)
