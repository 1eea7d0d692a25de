"""OpenHands' pose pickles (github.com/AI4Bharat/OpenHands): MediaPipe Holistic, one file per clip.

A pickle holds ``keypoints`` [T, 75, 3] (x, y, z of pose 33, left hand 21, right hand 21) and
``confidences`` [T, 75]: the pose's visibility, 1 for a hand, 0 for an absent part
(``openhands/pipelines/generate_pose.py``, ``openhands/datasets/isolated/base.py``).

Newer files have x and y divided by the image size. Published ones (Zenodo record 6674324, INCLUDE)
also have ``vid_shape``, by which OpenHands divided x and y, in this order, before training. It is
frame.shape[:2], that is (height, width), because ``scripts/mediapipe_extract.py`` calls the rows of
a frame its width: x was multiplied by the height and y by the width.

Files lie where the dataset's videos lay: ``05237.pkl`` (WLASL), ``signer0_sample1_color.pkl``
(AUTSL), ``health1_signer3_rep1_glosses/glosses0000.pkl`` (GSL), ``Animals/4. Bird/MVI_2988.pkl``
(INCLUDE), ``P06_0000_1_0_20130601.oni/pose.pkl`` (DEVISIGN).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from masa_mm.pose.clip_ids import ids_of_paths, path_end
from masa_mm.pose.files import SourceError
from masa_mm.pose.safe_pickle import load_pickle
from masa_mm.sources.base import ClipError, Option
from masa_mm.sources.estimator_arrays import estimator_clip, image_shape
from masa_mm.sources.folder import Entry, RawClip, files_below, folder_source

LAYOUT = "mediapipe_holistic"
_BODY, _ALL_WITH_FACE, _FIRST_HAND_WITH_FACE = 33, 543, 501


def _read(path: Path) -> RawClip:
    content = load_pickle(path)
    if not isinstance(content, Mapping) or not {"keypoints", "confidences"} <= set(content):
        problem = "it is no dict of keypoints and confidences"
        raise ClipError(problem, "give OpenHands' pose pickles")
    joints = dict(keypoints=content["keypoints"], scores=content["confidences"])
    clip = estimator_clip({name: _without_face(value) for name, value in joints.items()}, LAYOUT)
    shape = image_shape(content.get("vid_shape"), "vid_shape")
    if clip.normalized:
        return clip._replace(img_shape=shape)
    if shape is None:
        raise ClipError(
            "its coordinates are not divided by the image size, and it has no vid_shape",
            "add vid_shape (height, width), by which its x and y were multiplied",
        )
    keypoint = clip.keypoint / np.array(shape, np.float32)
    return RawClip(keypoint, clip.score, shape, normalized=True)


def _without_face(value: Any) -> Any:
    """Remove the face from an array of Holistic's 543 landmarks [T, 543, ...]."""
    if not isinstance(value, np.ndarray) or value.shape[1:2] != (_ALL_WITH_FACE,):
        return value
    return np.delete(value, np.s_[_BODY:_FIRST_HAND_WITH_FACE], axis=1)


def _entries(args: argparse.Namespace) -> Iterator[Entry]:
    files = list(files_below(args.input, ".pkl"))
    paths = [_clip_path(file) for file in files]
    if args.id_parts is None:
        names = ids_of_paths(paths)
    elif args.id_parts > 0:
        names = [path_end(path, args.id_parts) for path in paths]
    else:
        raise SourceError(f"--id-parts is 1 or more; got {args.id_parts}")
    for name, file in zip(names, files):
        yield Entry(name, partial(_read, file), place=file)


def _clip_path(file: Path) -> Path:
    """Return the path of the video that a pickle was made of, with or without its ending."""
    if file.name == "pose.pkl":
        return file.parent
    return file.parent / file.stem.removesuffix("_color").removesuffix(".")


_ID_PARTS_HELP = (
    "parts of a file's path in its clip's id; by default as few as make all ids different"
)
_ID_PARTS: Option = ("--id-parts", dict(type=int, metavar="N", help=_ID_PARTS_HELP))
SOURCE = folder_source(
    "openhands", "OpenHands' pose pickles, one per clip", _entries, LAYOUT, options=(_ID_PARTS,)
)
