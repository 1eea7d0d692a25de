"""What MMPose 1.x writes: the inferencer's JSON, and its demos' ``--save-predictions``.

The inferencer's file of a video is a list of frames, ``{"frame_id", "instances": [...]}``; the
demos' is ``{"meta_info", "instance_info": [frames]}``. An instance is a person: ``keypoints``
[133][2] in pixels, ``keypoint_scores`` [133], ``bbox``, ``bbox_score``, with tracking
``track_id``. The images' size is not in them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from masa_mm.pose.files import read_json
from masa_mm.pose.skeleton import source_layout
from masa_mm.sources.base import ClipError, PoseSource, Source
from masa_mm.sources.folder import Entry, RawClip, add_folder_options, files_below, open_folder
from masa_mm.sources.persons import as_numbers
from masa_mm.sources.signer_selection import signer_clip

LAYOUT = "coco_wholebody"


def read_mmpose_json(path: str) -> RawClip:
    """The signer of a video's predictions.

    Raises:
        FileNotFoundError, SourceError: the file is missing or no JSON.
        ClipError: it holds something else, or nobody.
    """
    frames = _frames(read_json(path))
    persons = [person for frame in frames for person in frame]
    counts = np.array([len(frame) for frame in frames], int)
    joints = source_layout(LAYOUT).num_joints
    keypoint = _of_all(persons, "keypoints", (joints, 2))
    score = np.maximum(_of_all(persons, "keypoint_scores", (joints,)), 0)
    return RawClip(*signer_clip(keypoint, score, counts, _tracks(persons)))


def _frames(content: Any) -> list[Sequence[Mapping[str, Any]]]:
    """The persons of each frame, in the order of the frames' numbers."""
    if isinstance(content, Mapping):
        content = content.get("instance_info")
    if not isinstance(content, list) or not all(isinstance(frame, Mapping) for frame in content):
        raise ClipError("no list of frames", "give what MMPose's inferencer wrote of a video")
    numbers = [frame.get("frame_id", place) for place, frame in enumerate(content)]
    if not all(isinstance(number, int) for number in numbers) or len(set(numbers)) < len(numbers):
        raise ClipError("its frame_id are not one number a frame", "extract its poses again")
    frames = [content[place].get("instances") for place in np.argsort(numbers, kind="stable")]
    if not all(isinstance(f, list) and all(isinstance(p, Mapping) for p in f) for f in frames):
        raise ClipError("a frame without a list of instances", "extract its poses again")
    return frames


def _of_all(persons: Sequence[Mapping[str, Any]], key: str, shape: tuple[int, ...]) -> np.ndarray:
    """A key of all persons [M, *shape]."""
    if not persons:
        return np.zeros((0, *shape), np.float32)
    if not all(key in person for person in persons):
        raise ClipError(f"a person without {key}", "extract its poses again")
    values = as_numbers([person[key] for person in persons], key)
    if values.shape[1:] != shape:
        raise ClipError(
            f"its {key} are {list(values.shape[1:])} a person",
            f"use a whole-body estimator: layout '{LAYOUT}' needs {list(shape)}",
        )
    return values


def _tracks(persons: Sequence[Mapping[str, Any]]) -> np.ndarray | None:
    tracks = [person.get("track_id", -1) for person in persons]
    if all(isinstance(track, int) and track >= 0 for track in tracks):
        return np.array(tracks, int)
    return None


def _entries(path: str) -> Iterator[Entry]:
    return ((file.stem, partial(read_mmpose_json, file)) for file in files_below(path, ".json"))


def _open(args: argparse.Namespace) -> PoseSource:
    return open_folder(args, LAYOUT, _entries(args.input))


SOURCE = Source(
    "mmpose-json", "the MMPose 1.x inferencer's JSON, one a video", add_folder_options, _open
)
