"""``.pose`` files, one a clip, through the optional ``pose-format`` library.

The file names its components and points; known are those of MediaPipe Holistic and of OpenPose, as
in :data:`masa_mm.pose.skeleton.NAMED_LAYOUTS`. It knows its image's size and a confidence a joint.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from masa_mm.errors import in_one_line
from masa_mm.pose.files import SourceError
from masa_mm.pose.skeleton import NAMED_LAYOUTS
from masa_mm.sources.base import ClipError, PoseSource, Source
from masa_mm.sources.folder import Entry, RawClip, add_folder_options, files_below, open_folder
from masa_mm.sources.named_joints import places_of, take
from masa_mm.sources.signer_selection import signer_clip

LAYOUT = "sign49"
_NAMINGS = tuple(name for name in NAMED_LAYOUTS if name.startswith("pose_format_"))


def read_dot_pose(path: str | os.PathLike, allow_missing: bool = False) -> RawClip:
    """The signer of a ``.pose`` file, in the 49 joints.

    Args:
        path: the file.
        allow_missing: joints that it lacks are absent, instead of an error.

    Raises:
        SourceError: ``pose-format`` is not installed, or cannot read the file.
        ClipError: joints are missing; names them.
    """
    pose = _read(path)
    names = [f"{part.name}/{point}" for part in pose.header.components for point in part.points]
    places = places_of(_naming(names), names, allow_missing)
    data, score = np.ma.filled(pose.body.data, 0), np.asarray(pose.body.confidence)
    joints = take(np.concatenate([data[..., :2], score[..., None]], axis=-1), places)
    counts = np.full(joints.shape[0], joints.shape[1])
    joints = joints.reshape(-1, *joints.shape[2:]).astype(np.float32)
    size = pose.header.dimensions
    return RawClip(
        *signer_clip(joints[..., :2], joints[..., 2], counts),
        (size.height, size.width) if size.height and size.width else None,
    )


def _read(path: str | os.PathLike) -> Any:
    try:
        from pose_format import Pose
    except ImportError:
        raise SourceError(
            f"{path}: .pose files are read by the package pose-format; pip install pose-format"
        ) from None
    data = Path(path).read_bytes()
    try:
        return Pose.read(data)
    except Exception as error:  # whatever the library meets in a damaged file
        raise SourceError(
            f"{path}: not a complete .pose file ({in_one_line(error)}); copy it again"
        ) from None


def _naming(names: Sequence[str]) -> str:
    """The naming that has most of the file's names."""
    found = {naming: len(set(NAMED_LAYOUTS[naming].names) & set(names)) for naming in _NAMINGS}
    best = max(found, key=found.get)
    if not found[best]:
        parts = sorted({name.split("/")[0] for name in names})
        raise ClipError(
            f"its components are {', '.join(parts) or 'none'}",
            "known are those of MediaPipe Holistic and OpenPose; others are one entry in "
            "masa_mm/skeleton.py",
        )
    return best


def _entries(path: str, allow_missing: bool) -> Iterator[Entry]:
    files = files_below(path, ".pose")
    return ((file.stem, partial(read_dot_pose, file, allow_missing)) for file in files)


def _open(args: argparse.Namespace) -> PoseSource:
    return open_folder(args, LAYOUT, _entries(args.input, args.allow_missing))


SOURCE = Source("pose-format", ".pose files, one a clip", add_folder_options, _open)
