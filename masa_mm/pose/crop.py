"""From joints in the image to part coordinates: each hand in its own crop, the body in the image.

Per-part normalisation of MASA (arXiv 2405.20666, section IV-A, "Data preprocessing"; its side of
2.2 and its limit of 10 joints are the reference code's). Everything is vectorised over frames.

- A hand's box is a square of 2.2 x the larger extent of its visible joints, centred on the middle
  of that extent, frame by frame.
- Clamping: an edge of the box beyond the image moves to the image's border, unless that would cut
  off a visible joint (estimators do place joints outside), in which case it stops at that joint.
  The box is then no square, and each axis is divided by its own side: what is mapped to [0, 1] is
  the box, as an image crop resized to a square would be, and as the reference code does. Visible
  joints therefore always fall in [0, 1].
  With ``clamp='image'`` (the reference code) an edge moves to the border whatever it cuts off.
- A degenerate box: a side is at least :data:`MIN_SIDE` of the image's longer side. Joints that all
  lie on one point come to lie at the centre of the crop (0.5, 0.5) instead of dividing by zero.
- The left hand is mirrored (x -> 1 - x), so that one network reads both hands.
- Joints that the estimator did not see (score 0), and all joints of a hand that counts as absent,
  become 0 with score 0. A joint below the visibility threshold does not shape the box but keeps its
  place relative to it and its score; it may fall outside [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence

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
# Crop pixels to the side of a crop.
CROP_PIXELS = 256.0
# Body joints (of the 49) that point at each hand.
_ELBOW_WRIST = {
    RIGHT_HAND: (BODY.start + 5, BODY.start + 6),
    LEFT_HAND: (BODY.start + 2, BODY.start + 3),
}


def select_joints(
    keypoint: np.ndarray, score: np.ndarray, layout: str
) -> tuple[np.ndarray, np.ndarray]:
    """Bring a source's joints into the order of the 49; those it lacks are 0 with score 0.

    Args:
        keypoint: [..., V, 2], V as in the layout.
        score: [..., V].
        layout: a name in :data:`masa_mm.pose.skeleton.SOURCE_LAYOUTS`.

    Returns:
        ``keypoint`` [..., 49, 2] and ``score`` [..., 49], of the dtypes given.

    Raises:
        KeyError: there is no such layout.
        ValueError: the number of joints is not the layout's.
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
    """Part coordinates of joints in pixels (see the module's docstring for the rules).

    Args:
        keypoint: [T, 49, 2], pixels (x, y).
        score: [T, 49], 0 = absent.
        img_shape: (h, w), or one such row a frame [T, 2]. (1, 1) for joints already divided by the
            image's size, (1, w / h) for such joints with x multiplied by w / h.
        box_scale: side of a hand's box over the larger extent of its visible joints.
        min_visible: a hand with fewer visible joints is left to ``fallback``.
        visible_thr: score from which a joint counts as visible (and above 0).
        fallback: 'absent': such a hand counts as absent. 'elbow_wrist': its box is extrapolated
            from the visible elbow and wrist of its arm; its joints keep their scores. Without them
            it counts as absent. 'elbow_wrist_50px': the same with the reference code's margin of
            50 pixels, for joints in pixels only.
        clamp: 'joints': a box ends at the image's border but never cuts off a visible joint;
            'image': it ends at the border (reference code), and joints outside fall out of [0, 1].
        zero_left_above: crop pixels above which a coordinate of the left hand, as mirrored, becomes
            0 while its joint keeps its score: 255 is the reference code's slip, which spares the
            right hand. None leaves all as they are.

    Returns:
        float32 ``keypoint`` [T, 49, 2] and float32 ``score`` [T, 49]. A joint that is seen but not
        finite stays so, and spoils its hand: writers and datasets refuse such clips by name.

    Raises:
        ValueError: shapes that do not fit, an image size that is not positive or not in pixels
            where the fallback's margin is, an unknown fallback or clamp.
    """
    keypoint, score, img_shape = _checked(keypoint, score, img_shape, fallback, clamp)
    out = np.empty_like(keypoint)
    out_score = score.copy()
    size = img_shape[:, ::-1]
    out[:, BODY.joints] = keypoint[:, BODY.joints] / size[:, None]
    for hand in (RIGHT_HAND, LEFT_HAND):
        joints = keypoint[:, hand.joints]
        low, high, present = _hand_boxes(
            joints, score[:, hand.joints], size, box_scale, min_visible, visible_thr, clamp
        )
        if fallback != "absent":
            arm = list(_ELBOW_WRIST[hand])
            seen = _visible(score[:, arm], visible_thr)
            low, high, present = _fall_back(
                (low, high, present), keypoint[:, arm], seen, size, fallback
            )
        out[:, hand.joints] = (joints - low[:, None]) / (high - low)[:, None]
        out_score[:, hand.joints] *= present[:, None]
    left_x = out[:, LEFT_HAND.joints, 0]
    np.subtract(1, left_x, out=left_x)
    if zero_left_above is not None:
        left = out[:, LEFT_HAND.joints]
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
            f"img_shape must be (h, w), or one a frame [{len(keypoint)}, 2], got the shape "
            f"{list(img_shape.shape)}"
        )
    if not (img_shape > 0).all():
        raise UserError(f"img_shape must be a positive (h, w), got {img_shape.min():g}")
    if fallback == "elbow_wrist_50px" and len(keypoint) and img_shape.max() < 2 * ARM_MARGIN:
        raise UserError(
            f"the fallback 'elbow_wrist_50px' needs joints in pixels, but the image is at most "
            f"{img_shape.max():g} wide or high; take 'elbow_wrist', which holds at any size"
        )
    img_shape = np.broadcast_to(img_shape, (len(keypoint), 2))
    return keypoint.astype(np.float32), score.astype(np.float32), img_shape


def _visible(score: np.ndarray, visible_thr: float) -> np.ndarray:
    return (score >= visible_thr) & (score > 0)


def _hand_boxes(
    joints: np.ndarray,
    score: np.ndarray,
    size: np.ndarray,
    box_scale: float,
    min_visible: int,
    visible_thr: float,
    clamp: str,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two corners [T, 2] of each frame's box, and whether the hand is there [T]."""
    visible = _visible(score, visible_thr)
    present = visible.sum(1) >= max(min_visible, 1)
    # Frames last: the reduction over joints then runs along whole rows of frames, ten times faster.
    by_joint = np.ascontiguousarray(joints.transpose(1, 2, 0))
    seen = np.ascontiguousarray(visible.T)[:, None]
    least = np.where(seen, by_joint, np.float32(np.inf)).min(0).T
    most = np.where(seen, by_joint, np.float32(-np.inf)).max(0).T
    least[~present], most[~present] = 0, 1
    smallest = MIN_SIDE * size.max(1)
    side = np.maximum(box_scale * (most - least).max(1), smallest)
    held = (least, most) if clamp == "joints" else (size, np.zeros_like(size))
    return *_clamped((least + most) / 2, side, size, *held), present


def _clamped(
    center: np.ndarray, side: np.ndarray, size: np.ndarray, least: np.ndarray, most: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Squares cut to the image, but not into what they hold, nor below the least side."""
    smallest = MIN_SIDE * size.max(1, keepdims=True)
    low, high = center - side[:, None] / 2, center + side[:, None] / 2
    clamped_low = np.minimum(np.maximum(low, 0), least)
    clamped_high = np.maximum(np.minimum(high, size), most)
    thin = clamped_high - clamped_low < smallest
    middle = (clamped_low + clamped_high) / 2
    return (
        np.where(thin, middle - smallest / 2, clamped_low),
        np.where(thin, middle + smallest / 2, clamped_high),
    )


def _fall_back(
    boxes: tuple[np.ndarray, np.ndarray, np.ndarray],
    arm: np.ndarray,
    arm_seen: np.ndarray,
    size: np.ndarray,
    fallback: str,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes for the frames that lack one, from elbow and wrist [T, 2, 2].

    The palm lies a third of the forearm beyond the wrist, and the box is 1.5 forearms wide, as in
    OpenPose (Simon et al., "Hand Keypoint Detection in Single Images", CVPR 2017, section 5):
    unlike a margin in pixels this holds at any image size. With the reference code's margin the box
    is the square around a hand that reaches as far beyond the palm as the wrist is before it, and
    50 pixels more on each side; how it extrapolates is not published, only its margin is known.
    """
    low, high, present = boxes
    elbow, wrist = arm[:, 0], arm[:, 1]
    forearm = wrist - elbow
    center = wrist + forearm / 3
    length = np.linalg.norm(forearm, axis=-1)
    usable = arm_seen.all(1) & (length > 0)
    if fallback == "elbow_wrist_50px":
        side = 2 / 3 * np.abs(forearm).max(1) + 2 * ARM_MARGIN
    else:
        side = 1.5 * length
    side = np.maximum(side, MIN_SIDE * size.max(1))
    inside = np.clip(center, 0, size)
    arm_low, arm_high = _clamped(center, side, size, inside, inside)
    replace = (usable & ~present)[:, None]
    return (
        np.where(replace, arm_low, low),
        np.where(replace, arm_high, high),
        present | usable,
    )
