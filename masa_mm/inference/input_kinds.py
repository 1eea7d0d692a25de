"""The kind of an input file or folder, by its name and, where that is not enough, its content."""

from __future__ import annotations

import csv
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from masa_mm.pose.files import SourceError, read_arrays, read_json, read_text
from masa_mm.pose.safe_pickle import load_pickle
from masa_mm.preparation.extraction.video import IMAGES, VIDEOS
from masa_mm.sources import SOURCES

VIDEO, STORE, LIST, ARRAY = "videos", "store", "list", "array"
KINDS = (VIDEO, STORE, LIST, ARRAY, *(source.name for source in SOURCES))

_POSES = (".pose", ".npz", ".npy", ".pkl", ".pickle", ".json", ".safetensors")
_BY_SUFFIX = {".safetensors": STORE, ".txt": LIST, ".pose": "pose-format"}
_OPENPOSE_FRAME = "_keypoints.json"
_HOLISTIC_JOINTS = 75  # of MediaPipe's landmarks in one array; no other layout has as many


def kind_of_file(path: Path) -> str:
    """Return the kind of a file, one of :data:`KINDS`.

    Raises:
        SourceError: If its name and content do not tell; the message names the option.
        UserError: If it cannot be read.
        FileNotFoundError: If there is no such file.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    suffix = path.suffix.lower()
    if suffix in VIDEOS:
        return VIDEO
    readers = {
        ".csv": _kind_of_table,
        ".json": _kind_of_json,
        ".npz": _kind_of_archive,
        ".npy": _kind_of_array,
        ".pkl": _kind_of_pickle,
        ".pickle": _kind_of_pickle,
    }
    kind = _BY_SUFFIX.get(suffix) or (readers[suffix](path) if suffix in readers else None)
    if kind is None:
        raise SourceError(
            f"{path}: its kind is not clear; give the source, one of {', '.join(KINDS)}"
        )
    return kind


def kind_of_folder(path: Path) -> str | None:
    """Return the kind of a folder that is one clip or several of one kind.

    Returns:
        str | None: 'videos' for a folder of images, 'openpose', 'mediapipe-frames', or None for a
            folder whose files and folders are inputs of their own.
    """
    names = [name for name in os.listdir(path) if not name.startswith(".")]
    if any(name.endswith(_OPENPOSE_FRAME) for name in names):
        return "openpose"
    if any(name.endswith(".npy") and name[:-4].isdigit() for name in names):
        return "mediapipe-frames"
    suffixes = {Path(name).suffix.lower() for name in names}
    return VIDEO if suffixes & set(IMAGES) and not suffixes & {*VIDEOS, *_POSES} else None


def inputs_below(folder: Path) -> list[Path]:
    """Find the inputs in a folder and its subfolders, sorted by path.

    Of a folder with videos only they are taken: lists and tables often lie beside them.

    Raises:
        SourceError: If there are none.
    """
    found = list(_below(folder))
    if not found:
        kinds = " ".join((*VIDEOS, *_POSES))
        raise SourceError(f"{folder}: has no input; give a folder of files that end in {kinds}")
    return found


def _below(folder: Path) -> Iterator[Path]:
    if kind_of_folder(folder) is not None:
        yield folder
        return
    paths = [path for path in sorted(folder.iterdir()) if not path.name.startswith((".", "__"))]
    has_videos = any(path.suffix.lower() in VIDEOS for path in paths)
    for path in paths:
        if path.is_dir():
            yield from _below(path)
        elif path.suffix.lower() in (VIDEOS if has_videos else _POSES):
            yield path


def _kind_of_table(path: Path) -> str | None:
    lines = read_text(path).splitlines()[:1]
    columns = next(csv.reader(lines, skipinitialspace=True), [])
    if "path" in columns:
        return LIST
    return "spoter" if any(column.endswith("_X") for column in columns) else None


def _kind_of_json(path: Path) -> str | None:
    content = read_json(path)
    if isinstance(content, Mapping) and "people" in content:
        raise SourceError(f"{path}: is one frame of OpenPose; give the folder of all frames")
    if isinstance(content, Mapping) and "instance_info" in content:
        return "mmpose-json"
    if _first_has(content, "instances"):
        return "mmpose-json"
    is_rtmlib = _has(content, "keypoints") or _first_has(content, "keypoints")
    return "rtmlib" if is_rtmlib else None


def _kind_of_archive(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        raise SourceError(f"{path}: not a complete npz file; copy it again") from None
    if "video_id" in names:
        return "wlasl-upper-body" if "pose_visibility" in names else "wlasl-hands"
    if "pose" in names:
        return "mediapipe-holistic"
    if names & {"hands", "left_hand", "right_hand"}:
        return "mediapipe-hands"
    return "rtmlib" if names & {"keypoints", "keypoint"} and _has_scores(names) else None


def _kind_of_array(path: Path) -> str | None:
    array = read_arrays(path)
    shape = array.shape if isinstance(array, np.ndarray) else ()
    if len(shape) == 4 and shape[1] in (1, 2) and shape[2] == 21:
        return "mediapipe-hands"
    return "mediapipe-holistic" if len(shape) == 3 and shape[1] == _HOLISTIC_JOINTS else None


def _kind_of_pickle(path: Path) -> str | None:
    content = load_pickle(path)
    if _has(content, "annotations") or _first_has(content, "keypoint_score"):
        return "mmaction"
    if _has(content, "confidences"):
        return "openhands"
    is_estimator = isinstance(content, (Mapping, np.ndarray, Sequence))
    return "mmpose" if is_estimator and len(content) else None


def _has(content: Any, key: str) -> bool:
    return isinstance(content, Mapping) and key in content


def _first_has(content: Any, key: str) -> bool:
    is_list = isinstance(content, (list, tuple)) and len(content) > 0
    return is_list and _has(content[0], key)


def _has_scores(names: set[str]) -> bool:
    return bool(names & {"scores", "keypoint_scores", "keypoint_score"})
