"""From joints in the image to part coordinates: each hand in its own crop, the body in the image.

Per-part normalisation of MASA (arXiv 2405.20666, section IV-A, "Data preprocessing"). The box
scale of 2.2 and the limit of 10 joints come from the reference code.

- The box of a hand is a square, computed per frame. Its side is 2.2 x the larger extent of the
  visible joints, its centre the middle of that extent.
- A box edge outside the image moves to the image's border, or to the outermost visible joint if
  that lies beyond the border. Each axis is then divided by its own side, like an image crop that
  is resized to a square. Visible joints therefore always fall into [0, 1].
- A side is at least :data:`MIN_SIDE` of the image's longer side. Joints that share one point fall
  on the crop's centre (0.5, 0.5).
- The left hand is mirrored (x -> 1 - x), so that one network reads both hands.
- Joints with score 0, and all joints of an absent hand, get coordinates 0 and score 0. Joints below
  the visibility threshold do not shape the box; they keep their score and may leave [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from masa_mm.errors import UserError
from masa_mm.pose.skeleton import BODY, LEFT_HAND, NUM_JOINTS, RIGHT_HAND, source_layout

BOX_SCALE = 2.2
MIN_VISIBLE = 10
VISIBLE_THR = 0.4
MIN_SIDE = 0.01
FALLBACKS = ("absent", "elbow_wrist", "elbow_wrist_50px")
CLAMPS = ("joints", "image")
ARM_MARGIN = 50.0
# Width and height of a crop in pixels.
CROP_PIXELS = 256.0
# Elbow and wrist of each hand's arm, among the 49 joints.
_ELBOW_WRIST = {
    RIGHT_HAND: [BODY.start + 5, BODY.start + 6],
    LEFT_HAND: [BODY.start + 2, BODY.start + 3],
}


class _Boxes(NamedTuple):
    """The boxes of one hand: lower and upper corner [T, 2], and whether it is present [T]."""

    low: np.ndarray
    high: np.ndarray
    present: np.ndarray


def select_joints(
    keypoint: np.ndarray, score: np.ndarray, layout: str
) -> tuple[np.ndarray, np.ndarray]:
    """Reorder a source's joints to the 49; joints it lacks get coordinates 0 and score 0.

    Args:
        keypoint (np.ndarray): [..., V, 2] with V joints as in the layout.
        score (np.ndarray): [..., V].
        layout (str): Name in :data:`masa_mm.pose.skeleton.SOURCE_LAYOUTS`.

    Returns:
        tuple[np.ndarray, np.ndarray]: ``keypoint`` [..., 49, 2] and ``score`` [..., 49].

    Raises:
        MissingKeyError: If there is no such layout.
        UserError: If the number of joints is not the layout's.
    """
    source = source_layout(layout)
    if keypoint.shape[-2] != source.num_joints or score.shape != keypoint.shape[:-1]:
        raise UserError(
            f"layout '{layout}' has {source.num_joints} joints; got keypoint "
            f"{list(keypoint.shape)} and score {list(score.shape)}"
        )
    indices = np.array(source.indices)
    missing = indices < 0
    keypoint, score = keypoint[..., indices, :], score[..., indices]
    keypoint[..., missing, :] = 0
    score[..., missing] = 0
    return keypoint, score


def rescale_scores(score: np.ndarray, min_score: float) -> np.ndarray:
    """Map an estimator's scores to a common scale: ``min_score`` becomes :data:`VISIBLE_THR`.

    Estimators score equally good joints differently. On the common scale one threshold serves the
    crops, motion and masking. The map is linear below and above ``min_score``; 0 and 1 stay.

    Args:
        score (np.ndarray): Scores of any shape.
        min_score (float): The estimator's joints are visible from this score on, in (0, 1).

    Returns:
        np.ndarray: The scores on the common scale.

    Raises:
        UserError: If ``min_score`` is not between 0 and 1.
    """
    if not 0 < min_score < 1:
        raise UserError(f"the score of a visible joint must lie between 0 and 1, got {min_score}")
    if min_score == VISIBLE_THR:
        return score
    above = VISIBLE_THR + (score - min_score) * ((1 - VISIBLE_THR) / (1 - min_score))
    return np.where(score < min_score, score * (VISIBLE_THR / min_score), above)


def crop_parts(
    keypoint: np.ndarray,
    score: np.ndarray,
    img_shape: Sequence[float] | np.ndarray,
    box_scale: float = BOX_SCALE,
    min_visible: int = MIN_VISIBLE,
    visible_thr: float = VISIBLE_THR,
    fallback: str = "absent",
    clamp: str = "joints",
    zero_left_above: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Convert pixels to part coordinates; the module's docstring has the rules.

    ``fallback='elbow_wrist_50px'``, ``clamp='image'`` and ``zero_left_above=255`` are the rules of
    the reference code. They are options here because converters and extraction offer them too.

    Args:
        keypoint (np.ndarray): [T, 49, 2], pixels (x, y).
        score (np.ndarray): [T, 49], 0 = absent.
        img_shape (Sequence[float]): (h, w), or one such row per frame [T, 2]. (1, 1) for joints
            divided by the image's size; (1, w / h) if x was then multiplied by w / h.
        box_scale (float): Side of a hand's box over the larger extent of its visible joints.
        min_visible (int): A hand with fewer visible joints is handled by ``fallback``.
        visible_thr (float): A joint is visible from this score on, and above 0.
        fallback (str): 'absent': such a hand is absent. 'elbow_wrist': its box is extrapolated from
            the visible elbow and wrist, and its joints keep their scores. 'elbow_wrist_50px': the
            same with a margin of 50 pixels, for joints in pixels only.
        clamp (str): 'joints': a box ends at the image's border but includes all visible joints.
            'image': a box ends at the image's border.
        zero_left_above (float, optional): Set coordinates of the mirrored left hand above this
            value, in crop pixels, to 0. The joints keep their scores.

    Returns:
        tuple[np.ndarray, np.ndarray]: float32 ``keypoint`` [T, 49, 2] and ``score`` [T, 49]. A
        visible joint that is not finite makes its hand not finite; stores and datasets refuse it.

    Raises:
        UserError: If shapes do not fit, an image size is not positive or not in pixels where
            the fallback's margin is, or an option is unknown.
    """
    keypoint, score, img_shape = _checked(keypoint, score, img_shape, fallback, clamp)
    out = np.empty_like(keypoint)
    out_score = score.copy()
    size = img_shape[:, ::-1]
    out[:, BODY.joints] = keypoint[:, BODY.joints] / size[:, None]
    for hand in (RIGHT_HAND, LEFT_HAND):
        joints = keypoint[:, hand.joints]
        visible = _visible(score[:, hand.joints], visible_thr)
        boxes = _hand_boxes(joints, visible, size, box_scale, min_visible, clamp)
        if fallback != "absent":
            arm = _ELBOW_WRIST[hand]
            arm_visible = _visible(score[:, arm], visible_thr)
            boxes = _fall_back(boxes, keypoint[:, arm], arm_visible, size, fallback)
        low, high, present = boxes
        out[:, hand.joints] = (joints - low[:, None]) / (high - low)[:, None]
        out_score[:, hand.joints] *= present[:, None]
    left = out[:, LEFT_HAND.joints]  # a view
    np.subtract(1, left[..., 0], out=left[..., 0])
    if zero_left_above is not None:
        left[left > zero_left_above / CROP_PIXELS] = 0
    out[out_score == 0] = 0
    return out, out_score


def _checked(
    keypoint: np.ndarray,
    score: np.ndarray,
    img_shape: Sequence[float] | np.ndarray,
    fallback: str,
    clamp: str,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Check the arguments; return float32 arrays, ``img_shape`` as [T, 2]."""
    if keypoint.ndim != 3 or keypoint.shape[1:] != (NUM_JOINTS, 2):
        raise UserError(f"keypoint must be [T, {NUM_JOINTS}, 2], got {list(keypoint.shape)}")
    if score.shape != keypoint.shape[:2]:
        raise UserError(f"score must be {list(keypoint.shape[:2])}, got {list(score.shape)}")
    for name, value, choices in (("fallback", fallback, FALLBACKS), ("clamp", clamp, CLAMPS)):
        if value not in choices:
            raise UserError(f"{name} must be one of {', '.join(choices)}, got '{value}'")
    img_shape = np.asarray(img_shape, np.float32)
    if img_shape.shape not in ((2,), (len(keypoint), 2)):
        raise UserError(
            f"img_shape must be (h, w) or one row per frame [{len(keypoint)}, 2], got the shape "
            f"{list(img_shape.shape)}"
        )
    if not (img_shape > 0).all():
        raise UserError(f"img_shape must be a positive (h, w), got {img_shape.min():g}")
    if fallback == "elbow_wrist_50px" and len(keypoint) and img_shape.max() < 2 * ARM_MARGIN:
        raise UserError(
            f"the fallback 'elbow_wrist_50px' needs joints in pixels, but the image is at most "
            f"{img_shape.max():g} wide or high; use 'elbow_wrist', which works at any size"
        )
    img_shape = np.broadcast_to(img_shape, (len(keypoint), 2))
    return keypoint.astype(np.float32), score.astype(np.float32), img_shape


def _visible(score: np.ndarray, visible_thr: float) -> np.ndarray:
    return (score >= visible_thr) & (score > 0)


def _hand_boxes(
    joints: np.ndarray,
    visible: np.ndarray,
    size: np.ndarray,
    box_scale: float,
    min_visible: int,
    clamp: str,
) -> _Boxes:
    """Boxes around the visible joints of a hand [T, 21, 2] with visibility [T, 21]."""
    present = visible.sum(1) >= max(min_visible, 1)
    # Frames last: reducing over joints then runs along contiguous frames, ten times faster.
    by_joint = np.ascontiguousarray(joints.transpose(1, 2, 0))
    mask = np.ascontiguousarray(visible.T)[:, None]
    lowest = np.where(mask, by_joint, np.float32(np.inf)).min(0).T
    highest = np.where(mask, by_joint, np.float32(-np.inf)).max(0).T
    lowest[~present], highest[~present] = 0, 1
    side = np.maximum(box_scale * (highest - lowest).max(1), MIN_SIDE * size.max(1))
    included = (lowest, highest) if clamp == "joints" else (size, np.zeros_like(size))
    return _Boxes(*_clamped((lowest + highest) / 2, side, size, *included), present)


def _clamped(
    center: np.ndarray, side: np.ndarray, size: np.ndarray, lowest: np.ndarray, highest: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Clamp squares to the image, but include [lowest, highest] and keep the minimum side."""
    min_side = MIN_SIDE * size.max(1, keepdims=True)
    low, high = center - side[:, None] / 2, center + side[:, None] / 2
    low = np.minimum(np.maximum(low, 0), lowest)
    high = np.maximum(np.minimum(high, size), highest)
    too_thin = high - low < min_side
    middle = (low + high) / 2
    return (
        np.where(too_thin, middle - min_side / 2, low),
        np.where(too_thin, middle + min_side / 2, high),
    )


def _fall_back(
    boxes: _Boxes, arm: np.ndarray, arm_visible: np.ndarray, size: np.ndarray, fallback: str
) -> _Boxes:
    """Box the frames without a hand by elbow and wrist [T, 2, 2].

    The palm lies a third of the forearm beyond the wrist, and the box is 1.5 forearms wide, as in
    OpenPose (Simon et al., "Hand Keypoint Detection in Single Images", CVPR 2017, section 5). Of
    the reference code's box only the margin of 50 pixels is published. Here it surrounds a square
    hand that reaches as far beyond the palm's centre as the wrist lies before it.
    """
    elbow, wrist = arm[:, 0], arm[:, 1]
    forearm = wrist - elbow
    center = wrist + forearm / 3
    length = np.linalg.norm(forearm, axis=-1)
    usable = arm_visible.all(axis=1) & (length > 0)
    if fallback == "elbow_wrist_50px":
        side = 2 / 3 * np.abs(forearm).max(1) + 2 * ARM_MARGIN
    else:
        side = 1.5 * length
    side = np.maximum(side, MIN_SIDE * size.max(1))
    inside = np.clip(center, 0, size)
    low, high = _clamped(center, side, size, inside, inside)
    replace = (usable & ~boxes.present)[:, None]
    return _Boxes(
        np.where(replace, low, boxes.low),
        np.where(replace, high, boxes.high),
        boxes.present | usable,
    )
