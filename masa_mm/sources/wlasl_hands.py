"""WLASL clips with both hands by MediaPipe Hands: no body joints, no confidences."""

from __future__ import annotations

import argparse
import os

import numpy as np

from masa_mm.errors import UserError
from masa_mm.pose.files import read_class_list, read_npz
from masa_mm.sources.base import PoseSource, Source, SourceClips, check_clip_arrays
from masa_mm.sources.clip_list import refuse_off_by_one

ABSENT = -32768
UNIT = 1e-4
LAYOUT = "mediapipe_hands"
_PER_CLIP = ("video_id", "label", "signer")


def read_wlasl_hands(
    path: str | os.PathLike,
    class_list: str | os.PathLike | None = None,
    aspect: float = 1.0,
    split: str = "",
    source: str = "wlasl_hands",
) -> PoseSource:
    """Read ``wlasl_hands_*.npz``.

    ``keypoint`` int16 [F, 42, 2] is (x, y) divided by the image's size, times 10^4; -32768 =
    absent; left hand, then right. A joint that is there has score 1: the source has no
    confidences. The body's wrists come from the hands' (see the layout), its other joints stay
    absent. Frames without a hand are kept.

    Args:
        path: the ``.npz`` file.
        class_list: ``wlasl_class_list.txt``; without it classes are named by their labels.
        aspect: width over height of the images. It is not in the source; 1 leaves the hands
            stretched as the source has them.
        split: name of the split to write into the store.
        source: name of the data set.

    Raises:
        FileNotFoundError, SourceError: the file is missing, damaged or another source's.
        ValueError: ``aspect`` is not positive.
    """
    if not aspect > 0:
        raise UserError(f"aspect is width over height and above 0, got {aspect}")
    arrays = read_npz(path, ("keypoint", "num_frames", *_PER_CLIP))
    check_clip_arrays(path, arrays, LAYOUT, _PER_CLIP)
    keypoint, label = arrays["keypoint"], arrays["label"].astype(np.int64)
    clips = SourceClips(
        keypoint=keypoint,
        score=(keypoint != ABSENT).any(-1),
        num_frames=arrays["num_frames"].astype(np.int64),
        ids=arrays["video_id"].astype(str).tolist(),
        img_shape=np.tile(np.array([1.0, aspect], np.float32), (len(label), 1)),
        scale=(UNIT * aspect, UNIT),
        absent=ABSENT,
        label=label,
        signer=arrays["signer"].astype(np.int64),
    )
    return PoseSource(
        source, LAYOUT, [clips], _glosses(path, class_list, label), split, partial=True
    )


def _glosses(
    path: str | os.PathLike, class_list: str | os.PathLike | None, label: np.ndarray
) -> list[str]:
    if class_list is not None:
        classes = read_class_list(class_list)
        refuse_off_by_one(path, set(label.tolist()), len(classes), class_list)
        return classes
    return [str(number) for number in range(int(label.max(initial=-1)) + 1)]


def add_aspect(parser: argparse.ArgumentParser) -> None:
    """The option for sources that divided by the image's size and did not keep it."""
    parser.add_argument(
        "--aspect", type=float, default=1.0, help="width / height of the images, if known"
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--class-list", help="lines of label and class name")
    add_aspect(parser)


def _open(args: argparse.Namespace) -> PoseSource:
    return read_wlasl_hands(
        args.input,
        args.class_list,
        args.aspect,
        args.split or "",
        args.source_name or "wlasl_hands",
    )


SOURCE = Source("wlasl-hands", "both hands by MediaPipe, .npz", _add_options, _open)
