"""OpenPose's JSON, one file per frame: BODY_25 and both hands.

Files are named ``{video}_{frame number}_keypoints.json``. Files directly in the input folder belong
to the clip that their name begins with. A subfolder is one clip, named like the subfolder. A file
has ``people``, each with ``pose_keypoints_2d`` [75], ``hand_left_keypoints_2d`` and
``hand_right_keypoints_2d`` [63]: x, y in pixels and confidence, all 0 for an absent joint. Without
the flag ``--hand`` the lists of the hands are empty. The first 8 of the 18 joints of
``--model_pose COCO`` [54] are those of BODY_25.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from masa_mm.pose.files import read_json
from masa_mm.sources.base import ClipError
from masa_mm.sources.estimator_arrays import stack_persons
from masa_mm.sources.folder import Entry, RawClip, files_below, folder_source
from masa_mm.sources.signer_selection import signer_clip

LAYOUT = "openpose_body25_hands"
_ENDING = "_keypoints.json"
_NAME = re.compile(r"(?P<video>.*?)_?(?P<frame>\d+)_keypoints\.json")
_BODY, _HANDS = "pose_keypoints_2d", ("hand_left_keypoints_2d", "hand_right_keypoints_2d")
_PARTS = {_BODY: 25, **dict.fromkeys(_HANDS, 21)}
_COCO_NUMBERS = 18 * 3
# OpenPose itself draws joints of hands from this confidence on (hand_render_threshold in its
# include/openpose/flags.hpp).
MIN_SCORE = 0.2


class _Frame(NamedTuple):
    video: str
    number: int
    path: Path


def _read_clip(frames: Sequence[_Frame], allow_missing: bool) -> RawClip:
    numbers = np.array([frame.number for frame in frames])
    steps = np.diff(numbers)
    if len(steps) and (steps != steps[0]).any():
        gap = int((steps != steps.min()).argmax())
        raise ClipError(
            f"frames between {numbers[gap]} and {numbers[gap + 1]} are missing",
            "OpenPose writes a file for each frame: run it again or leave the clip out",
        )
    people_of = [_people(read_json(frame.path), frame.path.name) for frame in frames]
    people = [person for of_frame in people_of for person in of_frame]
    if people and not any(person.get(key) for person in people for key in _HANDS):
        raise ClipError(
            "OpenPose ran without --hand, so it has no hands, which MASA reads",
            "run OpenPose again with --hand",
        )
    parts = [_part(people, key, joints, allow_missing) for key, joints in _PARTS.items()]
    joints = np.concatenate(parts, axis=1)
    num_persons = np.array([len(of_frame) for of_frame in people_of], int)
    keypoint, score = signer_clip(joints[..., :2], joints[..., 2], num_persons)
    return RawClip(keypoint, score, min_score=MIN_SCORE)


def _people(content: Any, name: str) -> list[Mapping[str, Any]]:
    people = content.get("people") if isinstance(content, Mapping) else None
    if not isinstance(people, list) or not all(isinstance(p, Mapping) for p in people):
        raise ClipError(f"{name} has no list of people", "give OpenPose's --write_json files")
    return people


def _part(
    people: Sequence[Mapping[str, Any]], key: str, joints: int, allow_missing: bool
) -> np.ndarray:
    """Stack a part of all people [M, joints, 3]."""
    rows = [person.get(key, []) for person in people]
    if not any(rows):
        if people and not allow_missing:
            raise ClipError(
                f"it has no {key}, {joints} joints that the 49 need",
                "run OpenPose with --hand and BODY_25, or give --allow-missing to mark them absent",
            )
        return np.zeros((len(people), joints, 3), np.float32)
    if key == _BODY:
        rows = [_as_body25(row) for row in rows]
    # A person whose hands were not estimated has an empty list.
    filled = [{key: row or [0] * (3 * joints)} for row in rows]
    values = stack_persons(filled, key, (3 * joints,), "run OpenPose with BODY_25 and --hand")
    return values.reshape(-1, joints, 3)


def _as_body25(row: Any) -> Any:
    """Extend a person of the COCO model: its first 8 joints, all that is used, are BODY_25's."""
    if isinstance(row, list) and len(row) == _COCO_NUMBERS:
        return [*row[: 8 * 3], *[0] * (17 * 3)]
    return row


def _entries(args: argparse.Namespace) -> Iterator[Entry]:
    root = Path(args.input)
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder of OpenPose's JSON files")
    for folder, files in groupby(files_below(root, _ENDING), lambda file: file.parent):
        frames = sorted(map(_frame, files))
        for video, group in groupby(frames, lambda frame: frame.video):
            name = (video or root.name) if folder == root else folder.name
            yield Entry(name, partial(_read_clip, list(group), args.allow_missing), place=folder)


def _frame(path: Path) -> _Frame:
    match = _NAME.fullmatch(path.name)
    video, number = match.groups() if match else (path.name, -1)
    return _Frame(video, int(number), path)


SOURCE = folder_source("openpose", "OpenPose's JSON folders, BODY_25 and hands", _entries, LAYOUT)
