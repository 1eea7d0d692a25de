"""MMAction2's pose pickles, see :mod:`masa_mm.pose.pose_pickle`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from masa_mm.pose.files import SourceError, read_class_list
from masa_mm.pose.pose_pickle import annotation_problem, is_label, read_annotations
from masa_mm.pose.skeleton import SOURCE_LAYOUTS
from masa_mm.sources.base import Option, PoseSource, Source, SourceClips
from masa_mm.sources.clip_list import refuse_off_by_one
from masa_mm.sources.folder import CLASS_LIST


def _open(args: argparse.Namespace) -> PoseSource:
    annotations, glosses, name, cropped = read_annotations(args.input, args.split)
    layout = args.layout or str(annotations[0].get("layout"))
    if layout not in SOURCE_LAYOUTS:
        raise SourceError(
            f"{args.input}: its annotations do not name their joints ('layout'); give --layout, "
            f"one of {', '.join(SOURCE_LAYOUTS)}"
        )
    if args.class_list:
        glosses = read_class_list(args.class_list)
        _check_classes(args.input, annotations, glosses)
    return PoseSource(
        name=args.source_name or name,
        layout=layout,
        blocks=(annotation_problem(a, layout) or _clip(a, cropped) for a in annotations),
        glosses=glosses,
        split=args.split or "",
        cropped=cropped,
    )


def _check_classes(
    path: str, annotations: Sequence[dict[str, Any]], classes: Sequence[str]
) -> None:
    """Refuse a class list that contradicts the glosses, and labels that count from 1."""
    labelled = [a for a in annotations if is_label(a.get("label"))]
    refuse_off_by_one(path, {int(a["label"]) for a in labelled}, len(classes))
    for annotation in labelled:
        label, gloss = annotation["label"], annotation.get("gloss")
        if gloss and label < len(classes) and gloss != classes[label]:
            raise SourceError(
                f"{path}: clip '{annotation['frame_dir']}' has label {label} and gloss '{gloss}', "
                f"but class {label} of the class list is '{classes[label]}'; give the class list "
                "that it was labelled with, in the order of labels"
            )


def _clip(annotation: dict[str, Any], cropped: bool) -> SourceClips:
    size = annotation.get("original_shape") if cropped else annotation["img_shape"]
    return SourceClips(
        keypoint=annotation["keypoint"][0].astype(np.float32),
        score=annotation["keypoint_score"][0].astype(np.float32),
        num_frames=np.array([int(annotation["total_frames"])]),
        ids=[annotation["frame_dir"]],
        img_shape=np.array([annotation["img_shape"]], np.float32),
        label=np.array([int(annotation.get("label", -1))]),
        signer=np.array([int(annotation.get("signer", -1))]),
        size=_pixels(size),
    )


def _pixels(size: Sequence[float] | None) -> np.ndarray | None:
    """Return a video's size; None if it is only the ratio of its sides."""
    if size is None or not all(float(side).is_integer() and side > 1 for side in size):
        return None
    return np.array([size]).astype(np.int64)


_LAYOUT: Option = (
    "--layout",
    dict(choices=SOURCE_LAYOUTS, help="joint layout, where the annotations do not tell"),
)
SOURCE = Source("mmaction", "MMAction2's pose annotations, .pkl", _open, (_LAYOUT, CLASS_LIST))
