"""MMAction2's pose pickles, see :mod:`masa_mm.pose.annotations`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.files import SourceError, read_class_list
from masa_mm.pose.pose_pickle import annotation_problems, is_label, read_annotations
from masa_mm.pose.skeleton import SOURCE_LAYOUTS, source_layout
from masa_mm.sources.base import Option, PoseSource, Source, SourceClips
from masa_mm.sources.clip_list import refuse_off_by_one
from masa_mm.sources.folder import CLASS_LIST


def read_mmaction(
    path: str | os.PathLike,
    layout: str | None = None,
    split: str | None = None,
    classes: Sequence[str] | None = None,
    source: str | None = None,
) -> PoseSource:
    """Open a pose pickle. Its bad annotations are among the blocks.

    Args:
        path (str | os.PathLike): The pickle.
        layout (str | None): A name in :data:`masa_mm.pose.skeleton.SOURCE_LAYOUTS`. None: the first
            annotation's.
        split (str | None): One of the file's splits. None: all annotations.
        classes (Sequence[str] | None): Class names. None: the file's, else the annotations'
            ``gloss``, else the labels.
        source (str | None): Name of the dataset. None: the file's, else 'mmaction'.

    Raises:
        FileNotFoundError: If there is no such file.
        UnsafePickleError: If the pickle is damaged or holds more than data.
        SourceError: If it holds something else than annotations or has no such split, if nothing
            names its joints, or if ``classes`` contradict its glosses or labels.
        MissingKeyError: If there is no such layout.
    """
    if layout is not None:
        source_layout(layout)
    annotations, glosses, name, cropped = read_annotations(path, split)
    if layout is None:
        layout = str(annotations[0].get("layout"))
        if layout not in SOURCE_LAYOUTS:
            raise SourceError(
                f"{path}: its annotations do not name their joints ('layout'); give --layout, one "
                f"of {', '.join(SOURCE_LAYOUTS)}"
            )
    if classes is not None:
        _check_classes(path, annotations, classes)
    return PoseSource(
        name=source or name,
        layout=layout,
        blocks=_blocks(annotations, layout, cropped),
        glosses=glosses if classes is None else classes,
        split=split or "",
        cropped=cropped,
    )


def _check_classes(
    path: str | os.PathLike, annotations: Sequence[dict[str, Any]], classes: Sequence[str]
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


def _blocks(
    annotations: Sequence[dict[str, Any]], layout: str, cropped: bool
) -> Iterator[SourceClips | BadClip]:
    for annotation in annotations:
        problems = annotation_problems([annotation], layout)
        yield problems[0] if problems else _clip(annotation, cropped)


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


def _open(args: argparse.Namespace) -> PoseSource:
    classes = read_class_list(args.class_list) if args.class_list else None
    return read_mmaction(args.input, args.layout, args.split, classes, args.source_name)


_LAYOUT: Option = (
    "--layout",
    dict(choices=SOURCE_LAYOUTS, help="joint layout, where the annotations do not tell"),
)
SOURCE = Source("mmaction", "MMAction2's pose annotations, .pkl", _open, (_LAYOUT, CLASS_LIST))
