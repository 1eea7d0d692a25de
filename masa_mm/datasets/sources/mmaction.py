"""MMAction2's pose pickles, read without executing anything.

Either a list of annotations or a dict of ``annotations`` and ``split`` (name -> list of frame_dir).
An annotation has ``frame_dir``, ``total_frames``, ``img_shape`` (h, w), ``label``, ``keypoint``
[1, T, V, 2] in pixels and ``keypoint_score`` [1, T, V]; optionally ``signer``, ``gloss``,
``layout``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from masa_mm.skeleton import source_layout

from ..safe_pickle import load_pickle
from ..store import BadClip, BadClipsError
from .base import SourceClips, SourceError

_KEYS = ("frame_dir", "total_frames", "img_shape", "keypoint", "keypoint_score")


def read_annotations(path: str | os.PathLike, split: str | None = None) -> list[dict[str, Any]]:
    """The annotations of a pickle, or of one of its splits, in the file's order.

    Raises:
        FileNotFoundError: there is no such file.
        UnsafePickleError: it holds more than data, or is damaged.
        SourceError: it holds something else than pose annotations, or lacks the split.
    """
    content = load_pickle(path)
    annotations, splits = content, {}
    if isinstance(content, dict):
        annotations, splits = content.get("annotations"), content.get("split", {})
    if not isinstance(annotations, list) or not all(isinstance(a, dict) for a in annotations):
        raise SourceError(f"{path}: holds no list of annotations; give an MMAction2 pose pickle")
    for number, annotation in enumerate(annotations):
        annotation.setdefault("frame_dir", annotation.get("filename", f"number {number}"))
    if split is None:
        return annotations
    if not isinstance(splits, dict) or split not in splits:
        names = ", ".join(map(str, splits)) if splits else "none"
        raise SourceError(f"{path}: has no split '{split}'; it has {names}")
    members = set(splits[split])
    return [annotation for annotation in annotations if annotation["frame_dir"] in members]


def annotation_problems(annotations: Sequence[dict[str, Any]], layout: str) -> list[BadClip]:
    """What keeps annotations from being read in a layout: missing keys, shapes, several persons.

    The joints' values are not looked at here.
    """
    joints = source_layout(layout).num_joints
    found = ((a, _problem(a, layout, joints)) for a in annotations)
    return [BadClip(str(a["frame_dir"]), *problem) for a, problem in found if problem]


def _problem(annotation: dict[str, Any], layout: str, joints: int) -> tuple[str, str] | None:
    missing = [key for key in _KEYS if key not in annotation]
    if missing:
        return f"it has no {', '.join(missing)}", "give it all keys of MMAction2's pose annotations"
    keypoint, score = annotation["keypoint"], annotation["keypoint_score"]
    if not isinstance(keypoint, np.ndarray) or not isinstance(score, np.ndarray):
        return "its joints are no numpy arrays", "save keypoint and keypoint_score as arrays"
    frames = annotation["total_frames"]
    if keypoint.ndim == 4 and keypoint.shape[0] != 1:
        return f"it has {keypoint.shape[0]} persons", "keep the signer alone (M = 1)"
    if keypoint.shape != (1, frames, joints, 2) or score.shape != (1, frames, joints):
        return (
            f"keypoint is {list(keypoint.shape)} and keypoint_score {list(score.shape)}",
            f"layout '{layout}' and total_frames {frames} need [1, {frames}, {joints}, 2] and "
            f"[1, {frames}, {joints}]",
        )
    if keypoint.dtype.kind not in "fiu" or score.dtype.kind not in "fiub":
        return "its joints are not numbers", "save keypoint and keypoint_score as float arrays"
    if len(annotation["img_shape"]) != 2 or not min(annotation["img_shape"]) > 0:
        return f"its img_shape is {annotation['img_shape']}", "give (h, w) in pixels"
    return None


def read_mmaction(
    path: str | os.PathLike,
    layout: str,
    split: str | None = None,
    classes: Sequence[str] | None = None,
    source: str = "mmaction",
    skip_bad: bool = False,
) -> tuple[SourceClips, list[BadClip]]:
    """Read a pose pickle's clips, and those that are no readable annotations.

    Args:
        path: the pickle.
        layout: a name in :data:`masa_mm.skeleton.SOURCE_LAYOUTS`.
        split: one of the file's splits; None: all annotations.
        classes: class names; without them those of the annotations' ``gloss``, else the labels.
        source: name of the data set.
        skip_bad: return bad annotations instead of refusing them.

    Raises:
        FileNotFoundError, UnsafePickleError, SourceError: as :func:`read_annotations`.
        KeyError: there is no such layout.
        BadClipsError: there are bad annotations and ``skip_bad`` is off, or all are bad.
    """
    annotations = read_annotations(path, split)
    bad = annotation_problems(annotations, layout)
    names = {clip.id for clip in bad}
    good = [a for a in annotations if str(a["frame_dir"]) not in names]
    if bad and not (skip_bad and good):
        raise BadClipsError(path, bad)
    if not good:
        raise SourceError(f"{path}: has no annotations; give an MMAction2 pose pickle")
    label = np.array([int(a.get("label", -1)) for a in good])
    clips = SourceClips(
        keypoint=np.concatenate([a["keypoint"][0] for a in good]).astype(np.float32),
        score=np.concatenate([a["keypoint_score"][0] for a in good]).astype(np.float32),
        num_frames=np.array([int(a["total_frames"]) for a in good]),
        ids=[str(a["frame_dir"]) for a in good],
        layout=layout,
        source=source,
        img_shape=np.array([a["img_shape"] for a in good]),
        label=label,
        signer=np.array([int(a.get("signer", -1)) for a in good]),
        glosses=class_names(good, label) if classes is None else classes,
        split=split or "",
        keep_img_shape=True,
    )
    return clips, bad


def class_names(annotations: Sequence[dict[str, Any]], label: np.ndarray) -> list[str]:
    """A name for each label: the annotations' ``gloss`` where given, else the label's number."""
    names = [str(number) for number in range(int(label.max(initial=-1)) + 1)]
    for annotation, number in zip(annotations, label.tolist()):
        if number >= 0 and annotation.get("gloss"):
            names[number] = str(annotation["gloss"])
    return names
