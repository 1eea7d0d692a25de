"""MMAction2's pose pickles, read without executing anything.

Either a list of annotations or a dict of ``annotations`` and ``split`` (name -> list of frame_dir).
An annotation has ``frame_dir``, ``total_frames``, ``img_shape`` (h, w), ``label``, ``keypoint``
[1, T, V, 2] in pixels and ``keypoint_score`` [1, T, V]; optionally ``signer``, ``gloss``,
``layout``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from masa_mm.skeleton import SOURCE_LAYOUTS, source_layout

from ..safe_pickle import load_pickle
from ..store import BadClip, BadClipsError
from .base import SourceClips, SourceError

_KEYS = ("total_frames", "img_shape", "keypoint", "keypoint_score")


class Annotations(NamedTuple):
    """A split's annotations, and the class names of the whole file."""

    clips: list[dict[str, Any]]
    glosses: list[str]


def read_annotations(path: str | os.PathLike, split: str | None = None) -> Annotations:
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
    if not annotations:
        raise SourceError(f"{path}: its list of annotations is empty; give one with clips")
    for number, annotation in enumerate(annotations):
        annotation["frame_dir"] = str(
            annotation.get("frame_dir", annotation.get("filename", f"number {number}"))
        )
    glosses = _class_names(annotations)
    if split is None:
        return Annotations(annotations, glosses)
    if not isinstance(splits, dict) or split not in splits:
        names = ", ".join(map(str, splits)) or "none"
        raise SourceError(f"{path}: has no split '{split}'; it has {names}")
    members = {str(name) for name in splits[split]}
    clips = [annotation for annotation in annotations if annotation["frame_dir"] in members]
    if not clips:
        raise SourceError(f"{path}: has no annotations of its split '{split}'; give them")
    return Annotations(clips, glosses)


def annotation_problems(annotations: Sequence[dict[str, Any]], layout: str) -> list[BadClip]:
    """What keeps annotations from being read in a layout: missing keys, shapes, several persons.

    The joints' values are not looked at here.
    """
    found = ((a, _problem(a, layout)) for a in annotations)
    return [BadClip(a["frame_dir"], *problem) for a, problem in found if problem]


def _problem(annotation: dict[str, Any], layout: str) -> tuple[str, str] | None:
    if layout not in SOURCE_LAYOUTS:
        return f"its layout is '{layout}'", f"layouts are {', '.join(SOURCE_LAYOUTS)}"
    joints = source_layout(layout).num_joints
    if annotation.get("layout", layout) != layout:
        return (
            f"its layout is '{annotation['layout']}', not '{layout}'",
            "read it in its own layout",
        )
    missing = [key for key in _KEYS if key not in annotation]
    if missing:
        return f"it has no {', '.join(missing)}", "give it all keys of MMAction2's pose annotations"
    keypoint, score = annotation["keypoint"], annotation["keypoint_score"]
    if not all(isinstance(a, np.ndarray) and a.dtype.kind in "fiu" for a in (keypoint, score)):
        return "its joints are no arrays of numbers", "save keypoint, keypoint_score as float32"
    if keypoint.ndim == 4 and keypoint.shape[0] != 1:
        return f"it has {keypoint.shape[0]} persons", "keep the signer alone (M = 1)"
    frames = annotation["total_frames"]
    if keypoint.shape != (1, frames, joints, 2) or score.shape != (1, frames, joints):
        return (
            f"keypoint is {list(keypoint.shape)} and keypoint_score {list(score.shape)}",
            f"layout '{layout}' and total_frames {frames} need [1, {frames}, {joints}, 2] and "
            f"[1, {frames}, {joints}]",
        )
    if not _is_size(annotation["img_shape"]):
        return f"its img_shape is {annotation['img_shape']}", "give (h, w) in pixels"
    for key in ("label", "signer"):
        if not isinstance(annotation.get(key, -1), Integral):
            return f"its {key} is {annotation[key]!r}", "give one whole number"
    return None


def _is_size(value: Any) -> bool:
    return (
        isinstance(value, (tuple, list, np.ndarray))
        and len(value) == 2
        and all(isinstance(side, Real) and side > 0 for side in value)
    )


def _class_names(annotations: Sequence[dict[str, Any]]) -> list[str]:
    """A name for each label: the annotations' ``gloss`` where given, else the label's number."""
    labelled = [(a["label"], a.get("gloss")) for a in annotations if _is_label(a.get("label"))]
    names = [str(number) for number in range(max((label for label, _ in labelled), default=-1) + 1)]
    for label, gloss in labelled:
        if gloss:
            names[label] = str(gloss)
    return names


def _is_label(value: Any) -> bool:
    # No class list is that long: a wild label is refused later, and must not fill the memory here.
    return isinstance(value, Integral) and 0 <= value < 100_000


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
    source_layout(layout)
    annotations, glosses = read_annotations(path, split)
    bad = annotation_problems(annotations, layout)
    # By the annotation, not by its name: a good clip may share a bad one's.
    good = [a for a in annotations if not annotation_problems([a], layout)] if bad else annotations
    if bad and not (skip_bad and good):
        raise BadClipsError(path, bad)
    clips = SourceClips(
        keypoint=np.concatenate([a["keypoint"][0] for a in good]).astype(np.float32),
        score=np.concatenate([a["keypoint_score"][0] for a in good]).astype(np.float32),
        num_frames=np.array([int(a["total_frames"]) for a in good]),
        ids=[a["frame_dir"] for a in good],
        layout=layout,
        source=source,
        img_shape=np.array([a["img_shape"] for a in good]).round().astype(np.int64),
        label=np.array([int(a.get("label", -1)) for a in good]),
        signer=np.array([int(a.get("signer", -1)) for a in good]),
        glosses=glosses if classes is None else classes,
        split=split or "",
        keep_img_shape=True,
    )
    return clips, bad
