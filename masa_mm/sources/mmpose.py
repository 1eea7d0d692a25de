"""MMPose's whole-body poses as per-video pickles of ``keypoints`` [T, 133, 3].

A file holds the array itself, or a dict of ``keypoints`` [T, 133, 3] (x, y in pixels, score), or of
``keypoints`` [T, 133, 2] and ``keypoint_scores`` [T, 133]; optionally ``img_shape`` (h, w). Several
persons [T, N, 133, ...] are told apart as :mod:`.signer` says. One file may also hold many videos,
as a dict of such entries by the videos' names.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from masa_mm.pose.safe_pickle import load_pickle
from masa_mm.sources.base import PoseSource, Source
from masa_mm.sources.folder import Entry, RawClip, add_folder_options, files_below, open_folder
from masa_mm.sources.persons import one_clip

LAYOUT = "coco_wholebody"


def read_mmpose(path: str) -> RawClip:
    """A clip of a per-video pickle.

    Raises:
        FileNotFoundError, UnsafePickleError: the file is missing, damaged or holds more than data.
        ClipError: it holds something else than a clip of 133 joints.
    """
    return one_clip(load_pickle(path), LAYOUT)


def _entries(path: str) -> Iterator[Entry]:
    files = list(files_below(path, ".pkl", ".pickle"))
    videos = _videos(load_pickle(files[0])) if len(files) == 1 else None
    if videos is not None:
        yield from ((str(name), partial(one_clip, clip, LAYOUT)) for name, clip in videos.items())
    else:
        yield from ((file.stem, partial(read_mmpose, file)) for file in files)


def _videos(content: Any) -> Mapping[Any, Any] | None:
    """The videos of a file that holds several; None if it holds one."""
    if not isinstance(content, Mapping) or {"keypoints", "keypoint"} & set(content):
        return None
    several = all(isinstance(clip, (Mapping, np.ndarray)) for clip in content.values())
    return content if content and several else None


def _open(args: argparse.Namespace) -> PoseSource:
    return open_folder(args, LAYOUT, _entries(args.input))


SOURCE = Source("mmpose", "MMPose's per-video pickles [T, 133, 3]", add_folder_options, _open)
