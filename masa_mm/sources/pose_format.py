"""``.pose`` files, one per clip, read with the optional library ``pose-format``.

A file names its components and points, and has the image size and a confidence per joint. The names
of the estimators that the library supports are known: MediaPipe Holistic, OpenPose (BODY_25 and
BODY_135) and COCO-WholeBody (MMPose, AlphaPose), see :data:`masa_mm.pose.skeleton.NAMED_LAYOUTS`.
A joint is absent if its confidence is not above 0, if x or y is NaN, or if it is masked.

The library writes the size 1000 x 1000 for OpenPose's JSON, which has no image size, unless it is
told another (``load_openpose`` in its pose_format/utils/openpose.py). That size counts as unknown.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from masa_mm.errors import in_one_line
from masa_mm.pose.crop import VISIBLE_THR
from masa_mm.pose.files import SourceError, require_file
from masa_mm.pose.skeleton import NAMED_LAYOUTS
from masa_mm.safe_files.limits import check_memory
from masa_mm.sources import openpose
from masa_mm.sources.base import ClipError, named_joint_indices, take_joints
from masa_mm.sources.folder import Entry, RawClip, files_below, folder_source, named_files
from masa_mm.sources.pixel_checks import check_pixels
from masa_mm.sources.signer_selection import signer_clip

_JOINT_BYTES = 12  # x, y and confidence
_UNTOLD_OPENPOSE_SIZE = (1000, 1000)
_NAMINGS = tuple(name for name in NAMED_LAYOUTS if name.startswith("pose_format_"))


def _entries(args: argparse.Namespace) -> Iterator[Entry]:
    files = files_below(args.input, ".pose")
    try:
        importlib.import_module("pose_format")
    except ImportError:
        raise SourceError(
            "reading .pose files needs the package pose-format; pip install pose-format"
        ) from None
    for name, file in named_files(files):
        yield Entry(name, functools.partial(_read, file, args), place=file)


def _read(path: Path, args: argparse.Namespace) -> RawClip:
    header, body = _load(path)
    names = [_name(part.name, point) for part in header.components for point in part.points]
    naming = _naming(names)
    indices = named_joint_indices(naming, names, allow_missing=True)
    keypoint, score = _joints(body)
    keypoint, score = signer_clip(
        take_joints(keypoint, indices), take_joints(score[..., None], indices)[..., 0]
    )
    # Before missing joints: --allow-missing does not help a file that is normalised.
    check_pixels(keypoint, score)
    named_joint_indices(naming, names, args.allow_missing)
    min_score = openpose.MIN_SCORE if "openpose" in naming else VISIBLE_THR
    return RawClip(keypoint, score, _img_shape(header, naming), min_score=min_score)


def _img_shape(header: Any, naming: str) -> tuple[int, int] | None:
    """Return the header's (h, w), None if it is not that of the video."""
    size = header.dimensions.height, header.dimensions.width
    is_untold = "openpose" in naming and size == _UNTOLD_OPENPOSE_SIZE
    return None if is_untold or min(size) <= 0 else size


def _load(path: Path) -> tuple[Any, Any]:
    """Return the header and the body, read by the library."""
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader
    from pose_format.utils.reader import BufferReader

    require_file(path)
    data = path.read_bytes()
    reader = BufferReader(data)
    try:
        header = PoseHeader.read(reader)
        body = NumPyPoseBody.read(header, reader)
    except Exception as error:  # the library raises many kinds for a damaged file
        raise SourceError(
            f"{path}: not a complete .pose file of version 0.0, 0.1 or 0.2 "
            f"({in_one_line(error)}); copy it again"
        ) from None
    # Frames without persons have no bytes; with one person each they would have these.
    needed = _JOINT_BYTES * math.prod(max(side, 1) for side in body.data.shape[:3])
    check_memory(path, needed, len(data))
    if reader.bytes_left():
        raise SourceError(
            f"{path}: its header has {body.data.shape[2]} points, its body has more; write the "
            "file again with a header of all points"
        )
    return header, body


def _joints(body: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return x, y [T, N, V, 2] and the score [T, N, V]; both are 0 for an absent joint."""
    keypoint = np.ma.filled(body.data[..., :2], np.nan).astype(np.float32)
    score = np.ma.filled(body.confidence, 0).astype(np.float32)
    absent = np.isnan(keypoint).any(-1) | ~(score > 0)
    return np.where(absent[..., None], 0, keypoint), np.where(absent, 0, score)


def _name(part: str, point: str) -> str:
    """Return the name of a point in :data:`NAMED_LAYOUTS`.

    The components of COCO-WholeBody have the suffix _133 or _136 if AlphaPose wrote them; files of
    earlier releases of the library name the side in the hands' points too.
    """
    part = re.sub(r"^(BODY|(?:LEFT|RIGHT)_HAND)_13[36]$", r"\1", part)
    return f"{part}/{re.sub('^(?:left|right)_(?=hand_)', '', point)}"


def _naming(names: Sequence[str]) -> str:
    """Return the naming that shares most names with the file."""
    best = max(_NAMINGS, key=lambda naming: len(set(NAMED_LAYOUTS[naming]) & set(names)))
    if set(names).isdisjoint(NAMED_LAYOUTS[best]):
        components = sorted({name.split("/")[0] for name in names})
        raise ClipError(
            f"its components are {', '.join(components) or 'none'}",
            "give those of MediaPipe Holistic, OpenPose or COCO-WholeBody, or add an entry to "
            "NAMED_LAYOUTS in masa_mm/pose/skeleton.py",
        )
    return best


SOURCE = folder_source("pose-format", ".pose files, one per clip", _entries, "sign49")
