"""OpenPose's JSON, one file a frame: BODY_25 and both hands.

Files are ``{video}_{frame number}_keypoints.json``. Those that lie in the input folder itself
belong to the clips that their names begin with; a folder in it is a clip, named like the folder.
A file has ``people``, each with ``pose_keypoints_2d`` [75], ``hand_left_keypoints_2d`` and
``hand_right_keypoints_2d`` [63]: x, y in pixels and confidence, all 0 for a joint not seen.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from masa_mm.pose.files import SourceError, read_json
from masa_mm.sources.base import ClipError, PoseSource, Source
from masa_mm.sources.folder import Entry, RawClip, add_folder_options, open_folder
from masa_mm.sources.persons import as_numbers
from masa_mm.sources.signer_selection import signer_clip

LAYOUT = "openpose_body25_hands"
_ENDING = "_keypoints.json"
_NAME = re.compile(r"(?P<video>.*?)_?(?P<frame>\d+)_keypoints\.json")
_PARTS = {"pose_keypoints_2d": 25, "hand_left_keypoints_2d": 21, "hand_right_keypoints_2d": 21}


class _Frame(NamedTuple):
    video: str
    number: int
    name: str


def read_openpose(
    folder: str | os.PathLike, names: Sequence[str], allow_missing: bool = False
) -> RawClip:
    """The signer of a clip's frames.

    Args:
        folder: where the files are.
        names: the files of the clip, in order.
        allow_missing: hands that OpenPose was not asked for are absent, instead of an error.

    Raises:
        SourceError: a file is no JSON, or is cut short.
        ClipError: a file has no people, or they lack hands or BODY_25.
    """
    frames = [_people(read_json(Path(folder, name)), name) for name in names]
    people = [person for frame in frames for person in frame]
    counts = np.array([len(frame) for frame in frames], int)
    if not people:
        return RawClip(*signer_clip(np.zeros((0, 67, 2)), np.zeros((0, 67)), counts))
    parts = [_part(people, key, joints, allow_missing) for key, joints in _PARTS.items()]
    joints = np.concatenate(parts, axis=1)
    return RawClip(*signer_clip(joints[..., :2], joints[..., 2], counts))


def _people(content: Any, name: str) -> list[Mapping[str, Any]]:
    people = content.get("people") if isinstance(content, Mapping) else None
    if not isinstance(people, list) or not all(isinstance(p, Mapping) for p in people):
        raise ClipError(f"{name} has no list of people", "give OpenPose's --write_json files")
    return people


def _part(
    people: Sequence[Mapping[str, Any]], key: str, joints: int, allow_missing: bool
) -> np.ndarray:
    """A part of all people [M, joints, 3]."""
    rows = [person.get(key, []) for person in people]
    if not any(rows):
        if allow_missing:
            return np.zeros((len(people), joints, 3), np.float32)
        raise ClipError(
            f"it has no {key}, {joints} joints that the 49 need",
            "run OpenPose with --hand and BODY_25, or give --allow-missing to mark them absent",
        )
    # A person whose hands were not looked for has them empty.
    values = as_numbers([row or [0] * (3 * joints) for row in rows], key)
    if values.shape[1:] != (3 * joints,):
        raise ClipError(
            f"its {key} are {values.shape[1]} numbers a person",
            f"{LAYOUT} needs {3 * joints}: run OpenPose with BODY_25 and --hand",
        )
    return values.reshape(-1, joints, 3)


def _entries(path: str, allow_missing: bool) -> Iterator[Entry]:
    root = Path(path)
    if not root.is_dir():
        raise FileNotFoundError(f"{path}: no such folder of OpenPose's JSON files")
    found = False
    for folder, folders, names in os.walk(root):
        folders.sort()
        frames = sorted(_frame(name) for name in names if name.endswith(_ENDING))
        for video, group in groupby(frames, lambda frame: frame.video):
            found = True
            name = video or root.name if Path(folder) == root else Path(folder).name
            yield name, partial(_read, folder, list(group), allow_missing)
    if not found:
        raise SourceError(f"{path}: holds no *{_ENDING} file; give OpenPose's --write_json folder")


def _frame(name: str) -> _Frame:
    match = _NAME.fullmatch(name)
    return _Frame(match["video"], int(match["frame"]), name) if match else _Frame(name, -1, name)


def _read(folder: str, frames: Sequence[_Frame], allow_missing: bool) -> RawClip:
    numbers = np.array([frame.number for frame in frames])
    steps = np.diff(numbers)
    if len(steps) and (steps != steps[0]).any():
        place = int((steps != steps.min()).argmax())
        raise ClipError(
            f"frames between {numbers[place]} and {numbers[place + 1]} are missing",
            "OpenPose writes a file for each frame: run it again or leave the clip out",
        )
    return read_openpose(folder, [frame.name for frame in frames], allow_missing)


def _open(args: argparse.Namespace) -> PoseSource:
    return open_folder(args, LAYOUT, _entries(args.input, args.allow_missing))


SOURCE = Source("openpose", "OpenPose's JSON folders, BODY_25 and hands", add_folder_options, _open)
