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
    layout = _layout(args.input, annotations, args.layout)
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


def _layout(path: str, annotations: Sequence[dict[str, Any]], given: str | None) -> str:
    """Return the given layout or that of the annotations; refuse one of another number of joints.

    Raises:
        SourceError: If there is none, or if no annotation has its number of joints; the message
            names the layouts that fit.
    """
    layout = given or str(annotations[0].get("layout"))
    arrays = [annotation.get("keypoint") for annotation in annotations]
    numbers = {a.shape[2] for a in arrays if isinstance(a, np.ndarray) and a.ndim == 4}
    fitting = [
        name for name, known in SOURCE_LAYOUTS.items() if known.num_joints in numbers or not numbers
    ]
    if layout in fitting:
        return layout
    joints = " or ".join(map(str, sorted(numbers)))
    if not fitting:
        raise SourceError(
            f"{path}: its clips have {joints} joints, as no layout with both hands has; extract "
            "whole-body poses from the videos (docs/data/extraction.md)"
        )
    problem = "its annotations do not name their joints ('layout')"
    if layout in SOURCE_LAYOUTS:
        number = SOURCE_LAYOUTS[layout].num_joints
        problem = f"its clips have {joints} joints, but layout '{layout}' has {number}"
    raise SourceError(f"{path}: {problem}; give --layout {' or '.join(fitting)}")


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
