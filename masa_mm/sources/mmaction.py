"""MMAction2's pose pickles as a source of clips."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from masa_mm.pose.pose_pickle import annotation_problems, is_label, read_annotations
from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.files import SourceError, read_class_list
from masa_mm.pose.skeleton import SOURCE_LAYOUTS, source_layout
from masa_mm.sources.base import PoseSource, Source, SourceClips
from masa_mm.sources.clip_list import refuse_off_by_one


def read_mmaction(
    path: str | os.PathLike,
    layout: str | None = None,
    split: str | None = None,
    classes: Sequence[str] | None = None,
    source: str | None = None,
) -> PoseSource:
    """Open a pose pickle; its bad annotations are among the blocks.

    Args:
        path: the pickle.
        layout: a name in :data:`masa_mm.pose.skeleton.SOURCE_LAYOUTS`; None: the first's.
        split: one of the file's splits; None: all annotations.
        classes: class names; without them those of the file or of the annotations' ``gloss``, else
            the labels.
        source: name of the data set; None: the file's, else 'mmaction'.

    Raises:
        FileNotFoundError, UnsafePickleError, SourceError: as :func:`read_annotations`; also when
            neither the file nor ``layout`` names the joints, or when ``classes`` contradict the
            annotations' glosses or labels.
        KeyError: there is no such layout.
    """
    if layout is not None:
        source_layout(layout)
    annotations, glosses, name, cropped = read_annotations(path, split)
    if layout is None:
        layout = _first_layout(path, annotations)
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
    """Refuse a class list that contradicts the annotations' glosses, or labels counted from one."""
    labelled = [(a["label"], a.get("gloss"), a) for a in annotations if is_label(a.get("label"))]
    refuse_off_by_one(path, {int(label) for label, _, _ in labelled}, len(classes))
    for label, gloss, annotation in labelled:
        if gloss and label < len(classes) and gloss != classes[label]:
            raise SourceError(
                f"{path}: clip '{annotation['frame_dir']}' has label {label} and gloss '{gloss}', "
                f"but class {label} of the class list is '{classes[label]}'; give the class list "
                "that it was labelled with, in the order of the labels"
            )


def _first_layout(path: str | os.PathLike, annotations: Sequence[dict[str, Any]]) -> str:
    layout = str(annotations[0].get("layout"))
    if layout not in SOURCE_LAYOUTS:
        raise SourceError(
            f"{path}: its annotations do not name their joints ('layout'); give --layout, one of "
            f"{', '.join(SOURCE_LAYOUTS)}"
        )
    return layout


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
    """A video's size, unless it is only the ratio of its sides."""
    if size is None or not all(float(side).is_integer() and side > 1 for side in size):
        return None
    return np.array([size]).astype(np.int64)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--layout", choices=SOURCE_LAYOUTS, help="its joints, where its annotations do not say"
    )
    parser.add_argument("--class-list", help="lines of class names, in the order of the labels")


def _open(args: argparse.Namespace) -> PoseSource:
    classes = read_class_list(args.class_list) if args.class_list else None
    return read_mmaction(args.input, args.layout, args.split, classes, args.source_name)


SOURCE = Source("mmaction", "MMAction2's pose annotations, .pkl", _add_options, _open)
