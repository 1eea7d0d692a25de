"""MMAction2's pose pickles, read without executing anything.

Either a list of annotations or a dict of ``annotations`` and ``split`` (name -> list of frame_dir),
and optionally ``classes`` (names in the order of the labels) and ``source``.
An annotation has ``frame_dir``, ``total_frames``, ``img_shape`` (h, w), ``label``, ``keypoint``
[1, T, V, 2] in pixels and ``keypoint_score`` [1, T, V]; optionally ``signer``, ``gloss``,
``layout``. With ``normalization`` 'part_crop' it is in part coordinates already, as made from a
store (:func:`masa_mm.datasets.pickle_writer.store_to_pickle`), and ``original_shape`` is the
video's size.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from masa_mm.skeleton import SOURCE_LAYOUTS, source_layout

from ..safe_pickle import load_pickle
from ..store import LAYOUT, NORMALIZATION, BadClip
from .base import PoseSource, Source, SourceClips, SourceError, read_class_list
from .clip_list import refuse_off_by_one

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
    layout: str | None = None,
    split: str | None = None,
    classes: Sequence[str] | None = None,
    source: str | None = None,
) -> PoseSource:
    """Open a pose pickle; its bad annotations are among the blocks.

    Args:
        path: the pickle.
        layout: a name in :data:`masa_mm.skeleton.SOURCE_LAYOUTS`; None: the first annotation's.
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
    labelled = [(a["label"], a.get("gloss"), a) for a in annotations if _is_label(a.get("label"))]
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
