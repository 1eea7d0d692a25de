"""``.pose`` files, one per clip, read with the optional library ``pose-format``.

A file names its components and points, and has the image size and a confidence per joint. The names
of MediaPipe Holistic and OpenPose are known (:data:`masa_mm.pose.skeleton.NAMED_LAYOUTS`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from masa_mm.errors import in_one_line
from masa_mm.pose.files import SourceError
from masa_mm.pose.skeleton import NAMED_LAYOUTS
from masa_mm.sources.base import ClipError, named_joint_indices, take_joints
from masa_mm.sources.folder import RawClip, file_source
from masa_mm.sources.signer_selection import signer_clip

_NAMINGS = tuple(name for name in NAMED_LAYOUTS if name.startswith("pose_format_"))


def _read(path: Path, args: argparse.Namespace) -> RawClip:
    pose = _load(path)
    names = [f"{part.name}/{point}" for part in pose.header.components for point in part.points]
    indices = named_joint_indices(_naming(names), names, args.allow_missing)
    data, score = np.ma.filled(pose.body.data, 0), np.asarray(pose.body.confidence)
    joints = take_joints(np.concatenate([data[..., :2], score[..., None]], axis=-1), indices)
    joints = joints.astype(np.float32)
    size = pose.header.dimensions
    return RawClip(
        *signer_clip(joints[..., :2], joints[..., 2]),
        img_shape=(size.height, size.width) if size.height and size.width else None,
    )


def _load(path: Path) -> Any:
    try:
        from pose_format import Pose
    except ImportError:
        raise SourceError(
            f"{path}: reading .pose files needs the package pose-format; pip install pose-format"
        ) from None
    data = path.read_bytes()
    try:
        return Pose.read(data)
    except Exception as error:  # the library raises many kinds for a damaged file
        raise SourceError(
            f"{path}: not a complete .pose file ({in_one_line(error)}); copy it again"
        ) from None


def _naming(names: Sequence[str]) -> str:
    """Return the naming that shares most names with the file."""
    best = max(_NAMINGS, key=lambda naming: len(set(NAMED_LAYOUTS[naming]) & set(names)))
    if set(names).isdisjoint(NAMED_LAYOUTS[best]):
        components = sorted({name.split("/")[0] for name in names})
        raise ClipError(
            f"its components are {', '.join(components) or 'none'}",
            "give those of MediaPipe Holistic or OpenPose, or add an entry to NAMED_LAYOUTS in "
            "masa_mm/pose/skeleton.py",
        )
    return best


SOURCE = file_source("pose-format", ".pose files, one per clip", "sign49", _read, ".pose")
