"""MediaPipe's landmarks as arrays: Holistic (pose and named hands) and Hands (perhaps unnamed).

Clips are ``.npy`` or ``.npz`` files (:mod:`.array_files`). Landmarks are (x, y, ...), divided by
the image's size as MediaPipe gives them; of the pose a fourth number is its visibility, which
becomes the score. Everything else that is there has score 1. A joint is absent where x and y are
NaN, a part where all of it is 0 (so undetected parts are commonly saved).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from itertools import pairwise

import numpy as np

from masa_mm.pose.skeleton import BODY, LEFT_HAND, RIGHT_HAND, SOURCE_LAYOUTS, source_layout
from masa_mm.sources.array_files import Arrays, array_entries
from masa_mm.sources.base import ClipError, PoseSource, Source
from masa_mm.sources.folder import RawClip, add_folder_options, add_units, image_size, open_folder
from masa_mm.sources.handedness import must_swap

HOLISTIC = "mediapipe_holistic"
HANDS = "mediapipe_hands"
_HOLISTIC_PARTS = dict(pose=33, left_hand=21, right_hand=21)
_HAND_PARTS = dict(left_hand=21, right_hand=21)


def read_holistic(
    arrays: Arrays, layout: str = HOLISTIC, normalized: bool = True, allow_missing: bool = False
) -> RawClip:
    """A clip of ``pose`` [T, 33, C], ``left_hand``, ``right_hand`` [T, 21, C], or of ``keypoints``.

    Args:
        arrays: the parts, C >= 2; or ``keypoints`` [T, V, C], all landmarks in one array.
        layout: of ``keypoints``.
        normalized: whether x and y are divided by the image's size.
        allow_missing: a part that is not there is absent, instead of an error.

    Raises:
        ClipError: arrays are missing or have other shapes.
    """
    if "keypoints" in arrays:
        joints = source_layout(layout).num_joints
        whole = _landmarks(arrays, "keypoints", joints)
        # Parts are judged one by one: where MediaPipe loses a hand it keeps the pose.
        parts = [whole[:, start:stop] for start, stop in pairwise(_bounds(layout))]
    else:
        parts = _parts(arrays, _HOLISTIC_PARTS, allow_missing)
    return _clip(parts, arrays, normalized)


def read_hands(
    arrays: Arrays,
    normalized: bool = True,
    allow_missing: bool = False,
    img_size: tuple[int, int] | None = None,
) -> RawClip:
    """A clip of two hands: named, or of unknown sides, which :mod:`.sides` then finds.

    Args:
        arrays: ``left_hand`` and ``right_hand`` [T, 21, C] of the signer; or ``hands``
            [T, 1 or 2, 21, C] in any order.
        normalized, allow_missing: as of :func:`read_holistic`.
        img_size: (h, w) of the image, where the arrays do not know it (``img_shape``).

    Raises:
        ClipError: arrays are missing or have other shapes; or hands in pixels have unknown sides,
            and the image's middle is not known either.
    """
    if "hands" not in arrays:
        return _clip(_parts(arrays, _HAND_PARTS, allow_missing), arrays, normalized)
    hands = arrays["hands"]
    if hands.dtype.kind not in "fiu" or hands.shape[2:3] != (21,) or hands.ndim != 4:
        raise ClipError(f"hands is {hands.dtype} {list(hands.shape)}", "give [T, 2, 21, 2 or more]")
    if hands.shape[1] > 2 or hands.shape[3] < 2:
        raise ClipError(f"hands is {list(hands.shape)}", "give up to two hands a frame, with x, y")
    hands = hands[..., :2].astype(np.float32)
    if hands.shape[1] == 1:
        hands = np.concatenate([hands, np.full_like(hands, np.nan)], axis=1)
    middle = 0.5 if normalized else _middle(_size(arrays) or img_size)
    swap = must_swap(hands, _present(hands), middle)
    hands = np.where(swap[:, None, None, None], hands[:, ::-1], hands)
    return _clip([hands[:, 1], hands[:, 0]], arrays, normalized)


def _present(hands: np.ndarray) -> np.ndarray:
    """Hands that are whole [T, 2]."""
    return np.isfinite(hands).all((2, 3)) & (hands != 0).any((2, 3))


def _middle(size: tuple[int, int] | None) -> float:
    if size is None:
        raise ClipError(
            "the sides of hands in pixels need the image's width", "give --img-size WIDTH HEIGHT"
        )
    return size[1] / 2


def _parts(arrays: Arrays, parts: Mapping[str, int], allow_missing: bool) -> list[np.ndarray]:
    missing = [name for name in parts if name not in arrays]
    if missing and not (allow_missing and len(missing) < len(parts)):
        raise ClipError(
            f"has no array {', '.join(missing)}; it has {', '.join(arrays)}",
            f"give {', '.join(parts)}, or --allow-missing to mark the others absent",
        )
    found = {name: _landmarks(arrays, name, parts[name]) for name in parts if name in arrays}
    frames = len(next(iter(found.values())))
    if any(len(part) != frames for part in found.values()):
        lengths = ", ".join(f"{name} {len(part)}" for name, part in found.items())
        raise ClipError(
            f"its parts have different numbers of frames ({lengths})", "give all frames"
        )
    return [
        found[name] if name in found else np.full((frames, joints, 2), np.nan, np.float32)
        for name, joints in parts.items()
    ]


def _landmarks(arrays: Arrays, name: str, joints: int) -> np.ndarray:
    array = arrays[name]
    if array.dtype.kind not in "fiu" or array.ndim != 3 or array.shape[1] != joints:
        raise ClipError(
            f"{name} is {array.dtype} {list(array.shape)}", f"give numbers [T, {joints}, 2 or more]"
        )
    if array.shape[2] < 2:
        raise ClipError(f"{name} is {list(array.shape)}", "give x and y of each joint")
    return array.astype(np.float32)


def _bounds(layout: str) -> list[int]:
    """Where the parts of a layout's array begin and end: all but the face with a known joint."""
    indices, edges = source_layout(layout).indices, {0, source_layout(layout).num_joints}
    for part, length in ((RIGHT_HAND, 21), (LEFT_HAND, 21), (BODY, _HOLISTIC_PARTS["pose"])):
        edges |= {indices[part.start], indices[part.start] + length}
    return sorted(edges)


def _clip(parts: list[np.ndarray], arrays: Arrays, normalized: bool) -> RawClip:
    scores = [_score(part) for part in parts]
    keypoint = np.concatenate([part[..., :2] for part in parts], axis=1)
    return RawClip(keypoint, np.concatenate(scores, axis=1), _size(arrays), normalized)


def _score(part: np.ndarray) -> np.ndarray:
    place = part[..., :2]
    there = ~np.isnan(place).all(-1) & (place != 0).any((1, 2))[:, None]
    has_visibility = part.shape[2] > 3 and part.shape[1] != 21
    return np.where(there, part[..., 3] if has_visibility else np.float32(1), np.float32(0))


def _size(arrays: Arrays) -> tuple[int, int] | None:
    size = arrays.get("img_shape")
    if size is None:
        return None
    if size.shape != (2,) or size.dtype.kind not in "iuf" or not (size > 0).all():
        raise ClipError(f"its img_shape is {size.tolist()}", "give (h, w) in pixels")
    return int(size[0]), int(size[1])


def _add_holistic(parser: argparse.ArgumentParser) -> None:
    add_folder_options(parser)
    add_units(parser)
    layouts = [name for name in SOURCE_LAYOUTS if name.startswith("mediapipe_holistic")]
    parser.add_argument(
        "--layout", choices=layouts, default=HOLISTIC, help="of files that are one array"
    )


def _open_holistic(args: argparse.Namespace) -> PoseSource:
    read = partial(
        read_holistic,
        layout=args.layout,
        normalized=args.units == "normalized",
        allow_missing=args.allow_missing,
    )
    return open_folder(args, args.layout, array_entries(args.input, "keypoints", read))


def _add_hands(parser: argparse.ArgumentParser) -> None:
    add_folder_options(parser)
    add_units(parser)


def _open_hands(args: argparse.Namespace) -> PoseSource:
    read = partial(
        read_hands,
        normalized=args.units == "normalized",
        allow_missing=args.allow_missing,
        img_size=image_size(args.img_size),
    )
    return open_folder(args, HANDS, array_entries(args.input, "hands", read), partial=True)


HOLISTIC_SOURCE = Source(
    "mediapipe-holistic", "MediaPipe Holistic's arrays, .npy or .npz", _add_holistic, _open_holistic
)
HANDS_SOURCE = Source(
    "mediapipe-hands",
    "MediaPipe Hands' arrays, .npy or .npz, sides known or not",
    _add_hands,
    _open_hands,
)
