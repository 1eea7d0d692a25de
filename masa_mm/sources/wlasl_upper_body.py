"""WLASL clips with upper body and both hands by MediaPipe Holistic: ``keypoint`` [F, 53, 2]."""

from __future__ import annotations

import argparse
import os

import numpy as np

from masa_mm.errors import UserError
from masa_mm.pose.files import SourceError, read_class_list, read_npz
from masa_mm.sources.base import PoseSource, Source, SourceClips, check_clip_arrays
from masa_mm.sources.clip_list import refuse_off_by_one
from masa_mm.sources.wlasl_hands import add_aspect

ABSENT = -32768
UNIT = 1e-4
LAYOUT = "mediapipe_holistic_upper"
BODY_JOINTS = 11
_PER_CLIP = ("video_id", "label", "signer")


def read_wlasl_upper_body(
    path: str | os.PathLike,
    classes: str | os.PathLike,
    aspect: float = 1.0,
    split: str = "",
    source: str = "wlasl_upper_body",
) -> PoseSource:
    """Read ``wlasl50_upper_body_*.npz``.

    ``keypoint`` int16 [F, 53, 2] is (x, y) divided by the image's size, times 10^4; -32768 =
    absent.
    The body's scores are MediaPipe's visibilities, a hand's joint has score 1 where it is there.

    Args:
        path: the ``.npz`` file.
        classes: ``classes.txt``, a class name a line.
        aspect: width over height of the images, which is not in the source.
        split: name of the split to write into the store.
        source: name of the data set.

    Raises:
        FileNotFoundError, SourceError: the file is missing, damaged or another source's.
        ValueError: ``aspect`` is not positive.
    """
    if not aspect > 0:
        raise UserError(f"aspect is width over height and above 0, got {aspect}")
    arrays = read_npz(path, ("keypoint", "pose_visibility", "num_frames", *_PER_CLIP))
    check_clip_arrays(path, arrays, LAYOUT, _PER_CLIP)
    keypoint, visibility = arrays["keypoint"], arrays["pose_visibility"]
    if visibility.shape != (len(keypoint), BODY_JOINTS):
        raise SourceError(
            f"{path}: pose_visibility is {list(visibility.shape)}, expected "
            f"{[len(keypoint), BODY_JOINTS]}; copy it again"
        )
    score = (keypoint != ABSENT).any(-1).astype(np.float32)
    score[:, :BODY_JOINTS] *= visibility
    clips = SourceClips(
        keypoint=keypoint,
        score=score,
        num_frames=arrays["num_frames"].astype(np.int64),
        ids=arrays["video_id"].astype(str).tolist(),
        img_shape=np.tile(np.array([1.0, aspect], np.float32), (len(arrays["label"]), 1)),
        scale=(UNIT * aspect, UNIT),
        absent=ABSENT,
        label=arrays["label"].astype(np.int64),
        signer=arrays["signer"].astype(np.int64),
    )
    names = read_class_list(classes)
    refuse_off_by_one(path, set(arrays["label"].tolist()), len(names), classes)
    return PoseSource(source, LAYOUT, [clips], names, split)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--classes", required=True, help="a class name a line")
    add_aspect(parser)


def _open(args: argparse.Namespace) -> PoseSource:
    return read_wlasl_upper_body(
        args.input,
        args.classes,
        args.aspect,
        args.split or "",
        args.source_name or "wlasl_upper_body",
    )


SOURCE = Source("wlasl-upper-body", "upper body and hands, .npz", _add_options, _open)
