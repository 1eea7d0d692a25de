"""Packed WLASL poses by MediaPipe, one ``.npz`` per split: hands alone, or upper body and hands.

``keypoint`` int16 [F, V, 2] is (x, y) divided by the image size, times 10^4; -32768 = absent.
``num_frames``, ``video_id``, ``label`` and ``signer`` are [clips]. The image size is not known.
"""

from __future__ import annotations

import argparse
import os
from functools import partial

import numpy as np

from masa_mm.errors import UserError
from masa_mm.pose.files import SourceError, read_class_list, read_npz
from masa_mm.pose.skeleton import source_layout
from masa_mm.sources.base import Option, PoseSource, Source, SourceClips
from masa_mm.sources.clip_list import refuse_off_by_one
from masa_mm.sources.folder import CLASS_LIST, check_packed

ABSENT = -32768
UNIT = 1e-4
BODY_JOINTS = 11
HANDS = "mediapipe_hands"
UPPER_BODY = "mediapipe_holistic_upper"
_PER_CLIP = ("video_id", "label", "signer")


def read_wlasl(
    path: str | os.PathLike,
    class_list: str | os.PathLike | None = None,
    aspect: float = 1.0,
    split: str = "",
    source: str | None = None,
    *,
    layout: str,
) -> PoseSource:
    """Read ``wlasl_hands_*.npz`` or ``wlasl50_upper_body_*.npz``.

    A joint of a hand has score 1 unless absent; the body's scores are ``pose_visibility`` [F, 11].
    For hands alone see the layout 'mediapipe_hands': the body has only the hands' wrists.

    Args:
        path (str | os.PathLike): The ``.npz`` file.
        class_list (str | os.PathLike | None): File of class names, such as
            ``wlasl_class_list.txt``. None: classes are named by their labels.
        aspect (float): Width over height of the images. With 1 the hands stay distorted.
        split (str): Name of the split.
        source (str | None): Name of the dataset. None: 'wlasl_hands' or 'wlasl_upper_body'.
        layout (str): 'mediapipe_hands' or 'mediapipe_holistic_upper'.

    Raises:
        SourceError: If the file is damaged or another source's, or if labels do not fit the list.
        UserError: If ``aspect`` is not positive.
    """
    if not aspect > 0:
        raise UserError(f"--aspect is width over height and above 0, got {aspect}")
    visibility = ("pose_visibility",) if layout == UPPER_BODY else ()
    arrays = read_npz(path, ("keypoint", "num_frames", *visibility, *_PER_CLIP))
    num_frames = check_packed(path, arrays, ("num_frames", *_PER_CLIP))
    _check_joints(path, arrays, layout)
    keypoint, label = arrays["keypoint"], arrays["label"].astype(np.int64)
    score = (keypoint != ABSENT).any(-1).astype(np.float32)
    if visibility:
        score[:, :BODY_JOINTS] *= arrays["pose_visibility"]
    if class_list is None:
        classes = [str(number) for number in range(int(label.max(initial=-1)) + 1)]
    else:
        classes = read_class_list(class_list)
        refuse_off_by_one(path, label.tolist(), len(classes), class_list)
    clips = SourceClips(
        keypoint=keypoint,
        score=score,
        num_frames=num_frames,
        ids=arrays["video_id"].astype(str).tolist(),
        img_shape=np.tile(np.array([1.0, aspect], np.float32), (len(label), 1)),
        scale=(UNIT * aspect, UNIT),
        absent=ABSENT,
        label=label,
        signer=arrays["signer"].astype(np.int64),
    )
    name = source or ("wlasl_hands" if layout == HANDS else "wlasl_upper_body")
    return PoseSource(name, layout, [clips], classes, split, partial=layout == HANDS)


read_wlasl_hands = partial(read_wlasl, layout=HANDS)
read_wlasl_upper_body = partial(read_wlasl, layout=UPPER_BODY)


def _check_joints(path: str | os.PathLike, arrays: dict[str, np.ndarray], layout: str) -> None:
    keypoint, joints = arrays["keypoint"], source_layout(layout).num_joints
    if keypoint.dtype.kind not in "iuf":
        raise SourceError(f"{path}: keypoint is {keypoint.dtype}, expected numbers")
    shapes = {"keypoint": (joints, 2), "pose_visibility": (BODY_JOINTS,)}
    for name, shape in shapes.items():
        if name in arrays and arrays[name].shape[1:] != shape:
            raise SourceError(
                f"{path}: {name} is {list(arrays[name].shape)}, but the layout '{layout}' needs "
                f"{[len(keypoint), *shape]}; is it another source?"
            )


def _open(layout: str, args: argparse.Namespace) -> PoseSource:
    split, name = args.split or "", args.source_name
    return read_wlasl(args.input, args.class_list, args.aspect, split, name, layout=layout)


_ASPECT: Option = (
    "--aspect",
    dict(type=float, default=1.0, help="width / height of the images, if known"),
)
_CLASSES_HELP = "file of class names, one per line"
_CLASSES: Option = (
    "--classes",
    dict(required=True, dest="class_list", metavar="CLASSES", help=_CLASSES_HELP),
)
HANDS_SOURCE = Source(
    "wlasl-hands", "both hands by MediaPipe, .npz", partial(_open, HANDS), (CLASS_LIST, _ASPECT)
)
UPPER_BODY_SOURCE = Source(
    "wlasl-upper-body",
    "upper body and hands, .npz",
    partial(_open, UPPER_BODY),
    (_CLASSES, _ASPECT),
)
