"""MediaPipe landmarks as arrays: Holistic (pose and both hands) and Hands.

Clips are ``.npy`` or ``.npz`` files (:func:`masa_mm.sources.folder.array_entries`) of

- Holistic: ``pose`` [T, 33, C], ``left_hand`` and ``right_hand`` [T, 21, C]; or ``keypoints``
  [T, V, C], all landmarks of a layout in one array.
- Hands: ``left_hand`` and ``right_hand`` of the signer; or ``hands`` [T, 1 or 2, 21, C] in any
  order, whose handedness is then estimated (:mod:`masa_mm.sources.handedness`).

A landmark is (x, y, ...), divided by the image size as MediaPipe gives it. The fourth number of a
pose landmark is its visibility, which becomes the score; other joints have score 1. A joint is
absent if x and y are NaN. A part (pose, face, hand) is absent if it is all 0, as undetected parts
are often saved.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from masa_mm.pose.skeleton import BODY, LEFT_HAND, RIGHT_HAND, source_layout
from masa_mm.sources.base import ClipError, Option
from masa_mm.sources.estimator_arrays import image_shape
from masa_mm.sources.folder import (
    UNITS,
    Arrays,
    RawClip,
    array_entries,
    folder_source,
    option_img_size,
)
from masa_mm.sources.handedness import must_swap

_HOLISTIC_PARTS = dict(pose=33, left_hand=21, right_hand=21)
_HAND_PARTS = dict(left_hand=21, right_hand=21)
# Joints of the pose in each layout of Holistic's landmarks in one array.
_POSE_JOINTS = dict(
    mediapipe_holistic_upper=11,
    mediapipe_holistic=33,
    mediapipe_holistic_face=33,
    mediapipe_holistic_face_first=33,
)


def _read_holistic(args: argparse.Namespace, arrays: Arrays) -> RawClip:
    if "keypoints" in arrays:
        keypoint = _landmarks(arrays, "keypoints", source_layout(args.layout).num_joints)
        # Absence is decided per part: where MediaPipe loses a hand it keeps the pose.
        parts = [keypoint[:, start:stop] for start, stop in pairwise(_part_bounds(args.layout))]
    else:
        parts = _parts(arrays, _HOLISTIC_PARTS, args.allow_missing)
    return _clip(parts, arrays, args)


def _read_hands(args: argparse.Namespace, arrays: Arrays) -> RawClip:
    if "hands" not in arrays:
        return _clip(_parts(arrays, _HAND_PARTS, args.allow_missing), arrays, args)
    hands = arrays["hands"]
    shape = hands.shape
    if hands.dtype.kind not in "fiu" or len(shape) != 4 or shape[2] != 21 or shape[3] < 2:
        raise ClipError(f"hands is {hands.dtype} {list(shape)}", "give [T, 2, 21, 2 or more]")
    if shape[1] not in (1, 2):
        raise ClipError(f"hands is {list(shape)}", "give one or two hands per frame")
    hands = hands[..., :2].astype(np.float32)
    if shape[1] == 1:
        hands = np.concatenate([hands, np.full_like(hands, np.nan)], axis=1)
    present = np.isfinite(hands).all((2, 3)) & (hands != 0).any((2, 3))
    middle = 0.5
    if args.units == "pixels":
        size = image_shape(arrays.get("img_shape")) or option_img_size(args)
        if size is None:
            problem = "the handedness of hands in pixels needs the image width"
            raise ClipError(problem, "give --img-size WIDTH HEIGHT")
        middle = size[1] / 2
    swap = must_swap(hands, present, middle)
    hands = np.where(swap[:, None, None, None], hands[:, ::-1], hands)
    return _clip([hands[:, 1], hands[:, 0]], arrays, args)


def _parts(arrays: Arrays, parts: Mapping[str, int], allow_missing: bool) -> list[np.ndarray]:
    """Return each part [T, joints, C]; NaN for a missing part."""
    missing = [name for name in parts if name not in arrays]
    if missing and not (allow_missing and len(missing) < len(parts)):
        raise ClipError(
            f"has no array {', '.join(missing)}; it has {', '.join(arrays)}",
            f"give {', '.join(parts)}, or --allow-missing to mark missing parts absent",
        )
    given = {name: _landmarks(arrays, name, parts[name]) for name in parts if name in arrays}
    frames = len(next(iter(given.values())))
    if any(len(part) != frames for part in given.values()):
        lengths = ", ".join(f"{name} {len(part)}" for name, part in given.items())
        problem = f"its parts have different numbers of frames ({lengths})"
        raise ClipError(problem, "give all frames")
    return [
        given[name] if name in given else np.full((frames, joints, 2), np.nan, np.float32)
        for name, joints in parts.items()
    ]


def _landmarks(arrays: Arrays, name: str, joints: int) -> np.ndarray:
    array = arrays[name]
    shape, is_number = list(array.shape), array.dtype.kind in "fiu"
    if not is_number or len(shape) != 3 or shape[1] != joints or shape[2] < 2:
        remedy = f"give numbers [T, {joints}, 2 or more]"
        raise ClipError(f"{name} is {array.dtype} {shape}", remedy)
    return array.astype(np.float32)


def _part_bounds(layout: str) -> list[int]:
    """Return where parts start and stop; a face is what lies between the known parts."""
    indices, bounds = source_layout(layout).indices, {0, source_layout(layout).num_joints}
    for part, length in ((RIGHT_HAND, 21), (LEFT_HAND, 21), (BODY, _POSE_JOINTS[layout])):
        bounds |= {indices[part.start], indices[part.start] + length}
    return sorted(bounds)


def _clip(parts: list[np.ndarray], arrays: Arrays, args: argparse.Namespace) -> RawClip:
    size = image_shape(arrays.get("img_shape"))
    return landmark_clip(parts, size, args.units == "normalized")


def landmark_clip(
    parts: Sequence[np.ndarray], size: tuple[int, int] | None = None, normalized: bool = True
) -> RawClip:
    """Make a clip of the landmarks of its parts.

    Args:
        parts (Sequence[np.ndarray]): Each [T, joints, C], in the order of the layout. The fourth
            number of a part that is no hand is its visibility.
        size (tuple[int, int] | None): (h, w) of the image in pixels.
        normalized (bool): See :class:`masa_mm.sources.folder.RawClip`.
    """
    keypoint = np.concatenate([part[..., :2] for part in parts], axis=1)
    score = np.concatenate([_score(part) for part in parts], axis=1)
    return RawClip(keypoint, score, size, normalized)


def _score(part: np.ndarray) -> np.ndarray:
    xy = part[..., :2]
    present = ~np.isnan(xy).all(-1) & (xy != 0).any((1, 2))[:, None]
    has_visibility = part.shape[2] > 3 and part.shape[1] != 21
    return np.where(present, part[..., 3] if has_visibility else np.float32(1), np.float32(0))


_LAYOUT: Option = (
    "--layout",
    dict(
        choices=list(_POSE_JOINTS),
        default="mediapipe_holistic",
        help="joint layout of one-array files",
    ),
)
HOLISTIC_SOURCE = folder_source(
    "mediapipe-holistic",
    "MediaPipe Holistic's arrays, .npy or .npz",
    lambda args: array_entries(args.input, "keypoints", partial(_read_holistic, args)),
    options=(UNITS, _LAYOUT),
)
HANDS_SOURCE = folder_source(
    "mediapipe-hands",
    "MediaPipe Hands' arrays, .npy or .npz, handedness known or not",
    lambda args: array_entries(args.input, "hands", partial(_read_hands, args)),
    layout="mediapipe_hands",
    options=(UNITS,),
    partial=True,
)
