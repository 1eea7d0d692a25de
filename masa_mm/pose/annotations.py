"""MMAction2's pose annotations, read from a pickle without executing anything.

Either a list of annotations or a dict of ``annotations`` and ``split`` (name -> list of frame_dir),
and optionally ``classes`` (names in the order of the labels) and ``source``.
An annotation has ``frame_dir``, ``total_frames``, ``img_shape`` (h, w), ``label``, ``keypoint``
[1, T, V, 2] in pixels and ``keypoint_score`` [1, T, V]; optionally ``signer``, ``gloss``,
``layout``. With ``normalization`` 'part_crop' it is in part coordinates already, as made from a
store (:func:`masa_mm.pose.pickle_writer.store_to_pickle`), and ``original_shape`` is the
video's size.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.files import SourceError
from masa_mm.pose.safe_pickle import load_pickle
from masa_mm.pose.skeleton import SOURCE_LAYOUTS, source_layout
from masa_mm.pose.store_format import LAYOUT, NORMALIZATION

_KEYS = ("total_frames", "img_shape", "keypoint", "keypoint_score")


class Annotations(NamedTuple):
    """A split's annotations, and what the file says of all.

    ``glosses`` are the class names, ``source`` the data set's name ('mmaction' if it has none),
    ``cropped`` whether the annotations are in part coordinates.
    """

    clips: list[dict[str, Any]]
    glosses: list[str]
    source: str = "mmaction"
    cropped: bool = False


def read_annotations(path: str | os.PathLike, split: str | None = None) -> Annotations:
    """The annotations of a pickle, or of one of its splits, in the file's order.

    Raises:
        FileNotFoundError: there is no such file.
        UnsafePickleError: it holds more than data, or is damaged.
        SourceError: it holds something else than pose annotations, lacks the split, or has clips
            both in pixels and in part coordinates.
    """
    content = load_pickle(path)
    if not isinstance(content, dict):
        content = dict(annotations=content)
    annotations, splits = content.get("annotations"), content.get("split", {})
    if not isinstance(annotations, list) or not all(isinstance(a, dict) for a in annotations):
        raise SourceError(f"{path}: holds no list of annotations; give an MMAction2 pose pickle")
    if not annotations:
        raise SourceError(f"{path}: its list of annotations is empty; give one with clips")
    for number, annotation in enumerate(annotations):
        annotation["frame_dir"] = str(
            annotation.get("frame_dir", annotation.get("filename", f"number {number}"))
        )
    about = dict(
        glosses=_class_names(annotations, content.get("classes")),
        source=str(content.get("source", "mmaction")),
        cropped=_is_cropped(path, annotations),
    )
    if split is None:
        return Annotations(annotations, **about)
    if not isinstance(splits, dict) or split not in splits:
        names = ", ".join(map(str, splits)) or "none"
        raise SourceError(f"{path}: has no split '{split}'; it has {names}")
    members = {str(name) for name in splits[split]}
    clips = [annotation for annotation in annotations if annotation["frame_dir"] in members]
    if not clips:
        raise SourceError(f"{path}: has no annotations of its split '{split}'; give them")
    return Annotations(clips, **about)


def _is_cropped(path: str | os.PathLike, annotations: Sequence[dict[str, Any]]) -> bool:
    kinds = {str(annotation.get("normalization")) == NORMALIZATION for annotation in annotations}
    if len(kinds) > 1:
        raise SourceError(
            f"{path}: some annotations are in pixels and some in part coordinates; give two files"
        )
    return kinds.pop()


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
    if str(annotation.get("layout", layout)) != layout:
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
    for key in ("img_shape", "original_shape"):
        if not _is_size(annotation.get(key, (1, 1))):
            return f"its {key} is {annotation[key]}", "give (h, w) in pixels"
    if str(annotation.get("normalization", NORMALIZATION)) != NORMALIZATION:
        return (
            f"its normalization is {annotation['normalization']!r}",
            f"give pixels without that key, or '{NORMALIZATION}'",
        )
    if "normalization" in annotation and layout != LAYOUT:
        return f"part coordinates of the layout '{layout}'", f"read them as '{LAYOUT}'"
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


def _class_names(annotations: Sequence[dict[str, Any]], classes: Any) -> list[str]:
    """The file's ``classes``; else a name for each label: its ``gloss``, or the label's number."""
    if isinstance(classes, list) and all(isinstance(name, str) for name in classes):
        return classes
    labelled = [(a["label"], a.get("gloss")) for a in annotations if is_label(a.get("label"))]
    names = [str(number) for number in range(max((label for label, _ in labelled), default=-1) + 1)]
    for label, gloss in labelled:
        if gloss:
            names[label] = str(gloss)
    return names


def is_label(value: Any) -> bool:
    # No class list is that long: a wild label is refused later, and must not fill the memory here.
    return isinstance(value, Integral) and 0 <= value < 100_000
