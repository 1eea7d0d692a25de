"""Whole-body poses of MMPose and rtmlib: pickles, arrays, and the JSON of MMPose's inferencer.

MMPose pickles: one per video, see :func:`masa_mm.sources.estimator_arrays.estimator_clip`, or one
with many videos, a dict of such entries by name.

MMPose JSON: one file per video. The inferencer writes a list of frames, ``{"frame_id",
"instances"}``; the demos' ``--save-predictions`` writes ``{"meta_info", "instance_info":
[frames]}``. An instance is a person: ``keypoints`` [133][2] in pixels, ``keypoint_scores`` [133],
with tracking ``track_id``. The image size is in neither.

rtmlib: one ``.npz``, ``.pkl`` or ``.json`` per video of what ``Wholebody()(frame)`` returns,
``keypoints`` [N, 133, 2] in pixels and ``scores`` [N, 133] of N persons, with the frames stacked or
in a list, see :func:`~masa_mm.sources.estimator_arrays.estimator_clip`. The pickles of Uni-Sign
(github.com/ZechengLi19/Uni-Sign, ``demo/pose_extraction.py`` and ``datasets.py``) are
``{"keypoints": [frames], "scores": [frames]}`` with x and y divided by the image size, and may have
``start`` and ``end``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from masa_mm.pose.files import read_json
from masa_mm.pose.safe_pickle import load_pickle
from masa_mm.pose.skeleton import source_layout
from masa_mm.sources.base import ClipError
from masa_mm.sources.estimator_arrays import (
    ESTIMATOR_UNITS,
    estimator_clip,
    read_estimator_file,
    stack_persons,
)
from masa_mm.sources.folder import (
    Entry,
    RawClip,
    file_source,
    files_below,
    folder_source,
    named_files,
)
from masa_mm.sources.signer_selection import signer_clip

LAYOUT = "coco_wholebody"


def _pickle_entries(args: argparse.Namespace) -> Iterator[Entry]:
    files = list(files_below(args.input, ".pkl", ".pickle"))
    videos = _videos(load_pickle(files[0])) if len(files) == 1 else None
    if videos is not None:
        for name, clip in videos.items():
            read = partial(estimator_clip, clip, LAYOUT, args.units)
            yield Entry(str(name), read, place=files[0])
    else:
        yield from _file_entries(args, files)


def _file_entries(args: argparse.Namespace, files: Iterable[Path]) -> Iterator[Entry]:
    for name, file in named_files(files):
        read = partial(read_estimator_file, file, LAYOUT, args.units)
        yield Entry(name, read, place=file)


def _videos(content: Any) -> Mapping[Any, Any] | None:
    """Return the clips of a pickle by name; None if it holds a single clip."""
    if not isinstance(content, Mapping) or {"keypoints", "keypoint"} & set(content):
        return None
    several = all(isinstance(clip, (Mapping, np.ndarray)) for clip in content.values())
    return content if content and several else None


def _read_json(path: Path, args: argparse.Namespace) -> RawClip:
    frames = _frames(read_json(path))
    persons = [person for frame in frames for person in frame]
    num_persons = np.array([len(frame) for frame in frames], int)
    joints = source_layout(LAYOUT).num_joints
    remedy = f"use a whole-body estimator of {joints} joints"
    keypoint = stack_persons(persons, "keypoints", (joints, 2), remedy)
    score = stack_persons(persons, "keypoint_scores", (joints,), remedy)
    return RawClip(*signer_clip(keypoint, np.maximum(score, 0), num_persons, _tracks(persons)))


def _frames(content: Any) -> list[Sequence[Mapping[str, Any]]]:
    """Return the persons of each frame, sorted by frame number."""
    if isinstance(content, Mapping):
        content = content.get("instance_info")
    if not isinstance(content, list) or not all(isinstance(frame, Mapping) for frame in content):
        raise ClipError("no list of frames", "give the JSON that MMPose's inferencer wrote")
    numbers = [frame.get("frame_id", index) for index, frame in enumerate(content)]
    if not all(isinstance(number, int) for number in numbers) or len(set(numbers)) < len(numbers):
        raise ClipError("its frame_id are not one number per frame", "extract its poses again")
    frames = [content[index].get("instances") for index in np.argsort(numbers, kind="stable")]
    if not all(isinstance(f, list) and all(isinstance(p, Mapping) for p in f) for f in frames):
        raise ClipError("a frame has no list of instances", "extract its poses again")
    return frames


def _tracks(persons: Sequence[Mapping[str, Any]]) -> np.ndarray | None:
    """Return MMPose's track numbers [M]; None unless every person has one."""
    tracks = [person.get("track_id", -1) for person in persons]
    if all(isinstance(track, int) and 0 <= track < 2**63 for track in tracks):
        return np.array(tracks, int)
    return None


SOURCE = folder_source(
    "mmpose",
    "MMPose's per-video pickles [T, 133, 3]",
    _pickle_entries,
    LAYOUT,
    options=(ESTIMATOR_UNITS,),
)
JSON_SOURCE = file_source(
    "mmpose-json", "the MMPose 1.x inferencer's JSON, one per video", LAYOUT, _read_json, ".json"
)
RTMLIB_SOURCE = folder_source(
    "rtmlib",
    "rtmlib's whole-body arrays, also Uni-Sign's, one file per clip",
    lambda args: _file_entries(args, files_below(args.input, ".npz", ".pkl", ".json")),
    LAYOUT,
    options=(ESTIMATOR_UNITS,),
)
