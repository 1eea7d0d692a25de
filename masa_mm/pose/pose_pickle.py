"""MMAction2's pose pickles: read and check annotations, use them as clips, write them.

A pickle holds either a list of annotations or a dict of ``annotations``, ``split`` (name -> list
of ``frame_dir``), and optionally ``classes`` (names in the order of the labels) and ``source``.
An annotation has ``frame_dir``, ``total_frames``, ``img_shape`` (h, w), ``label``, ``keypoint``
[1, T, V, 2] in pixels and ``keypoint_score`` [1, T, V], and optionally ``signer``, ``gloss`` and
``layout``. With ``normalization`` 'part_crop' its keypoints are part coordinates
(:func:`store_to_pickle`), and ``original_shape`` is the size of the video.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from masa_mm.atomic_write import atomic_write
from masa_mm.errors import UserError
from masa_mm.pose.clip_checks import BadClip, clip_problems
from masa_mm.pose.crop import select_joints
from masa_mm.pose.files import SourceError
from masa_mm.pose.safe_pickle import load_pickle
from masa_mm.pose.skeleton import SOURCE_LAYOUTS, source_layout
from masa_mm.pose.store import PoseStore
from masa_mm.pose.store_format import LAYOUT, NORMALIZATION, BadClipsError, clip_hash

_REQUIRED_KEYS = ("total_frames", "img_shape", "keypoint", "keypoint_score")
# A larger label would fill the memory with class names; later checks refuse it by name.
_MAX_CLASSES = 100_000
_MOST_NUMBER = 2**63 - 1


class Annotations(NamedTuple):
    """The annotations of a split, the class names, and the name of the data set.

    ``cropped`` tells whether the keypoints are part coordinates.
    """

    clips: list[dict[str, Any]]
    glosses: list[str]
    source: str = "mmaction"
    cropped: bool = False


def read_annotations(path: str | os.PathLike, split: str | None = None) -> Annotations:
    """Read the annotations of a pickle or of one of its splits, in the file's order.

    The arguments are those of :class:`PosePickle`.

    Raises:
        SourceError: If it holds no pose annotations, lacks the split, or mixes clips in pixels
            with clips in part coordinates.
    """
    content = load_pickle(path)
    if not isinstance(content, dict):
        content = dict(annotations=content)
    clips, splits = content.get("annotations"), content.get("split", {})
    if not isinstance(clips, list) or not all(isinstance(clip, dict) for clip in clips):
        raise SourceError(f"{path}: holds no list of annotations; give an MMAction2 pose pickle")
    if not clips:
        raise SourceError(f"{path}: its list of annotations is empty; give one with clips")
    if not any("keypoint" in clip for clip in clips):
        raise SourceError(
            f"{path}: none of its {len(clips)} entries has joints ('keypoint'); give a pose "
            "pickle, with the joints in its annotations"
        )
    for number, clip in enumerate(clips):
        clip["frame_dir"] = str(clip.get("frame_dir", clip.get("filename", f"number {number}")))
    kinds = {str(clip.get("normalization")) == NORMALIZATION for clip in clips}
    if len(kinds) > 1:
        raise SourceError(
            f"{path}: some annotations are in pixels and some in part coordinates; give two files"
        )
    annotations = Annotations(
        clips,
        glosses=_class_names(clips, content.get("classes")),
        source=str(content.get("source", "mmaction")),
        cropped=kinds.pop(),
    )
    if split is None:
        return annotations
    if not isinstance(splits, dict) or split not in splits:
        names = ", ".join(map(str, splits)) or "none"
        raise SourceError(f"{path}: has no split '{split}'; it has {names}")
    members = {str(name) for name in splits[split]}
    clips = [clip for clip in clips if clip["frame_dir"] in members]
    if not clips:
        raise SourceError(
            f"{path}: has no annotations of its split '{split}'; give a pickle with them"
        )
    return annotations._replace(clips=clips)


def _class_names(clips: Sequence[dict[str, Any]], classes: Any) -> list[str]:
    """Class names: the file's ``classes``, else each label's ``gloss``, else the label's number."""
    if isinstance(classes, list) and all(isinstance(name, str) for name in classes):
        return classes
    labelled = [(clip["label"], clip.get("gloss")) for clip in clips if is_label(clip.get("label"))]
    names = [str(number) for number in range(max((label for label, _ in labelled), default=-1) + 1)]
    for label, gloss in labelled:
        if gloss:
            names[label] = str(gloss)
    return names


def is_label(value: Any) -> bool:
    """Return whether a value is a plausible class label."""
    return isinstance(value, Integral) and 0 <= int(value) < _MAX_CLASSES


def annotation_problem(annotation: dict[str, Any], layout: str) -> BadClip | None:
    """Return why an annotation cannot be read in a layout, or None.

    Checks keys, types, shapes and the number of persons, but not the keypoints' values.
    """
    problem = _problem(annotation, layout)
    return BadClip(annotation["frame_dir"], *problem) if problem else None


def _problem(annotation: dict[str, Any], layout: str) -> tuple[str, str] | None:
    """Return the first problem of an annotation and its remedy, or None."""
    if layout not in SOURCE_LAYOUTS:
        return f"its layout is '{layout}'", f"layouts are {', '.join(SOURCE_LAYOUTS)}"
    joints = source_layout(layout).num_joints
    if str(annotation.get("layout", layout)) != layout:
        return (
            f"its layout is '{annotation['layout']}', not '{layout}'",
            "read it in its own layout",
        )
    missing = [key for key in _REQUIRED_KEYS if key not in annotation]
    if missing:
        return f"it has no {', '.join(missing)}", "give it all keys of MMAction2's pose annotations"
    keypoint, score = annotation["keypoint"], annotation["keypoint_score"]
    if not all(isinstance(a, np.ndarray) and a.dtype.kind in "fiu" for a in (keypoint, score)):
        return "its joints are no arrays of numbers", "save keypoint, keypoint_score as float32"
    if keypoint.ndim == 4 and keypoint.shape[0] != 1:
        return f"it has {keypoint.shape[0]} persons", "keep only the signer (M = 1)"
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
        value = annotation.get(key, -1)
        if not isinstance(value, Integral) or abs(int(value)) > _MOST_NUMBER:
            return f"its {key} is {value!r}", "give an integer of at most 64 bits"
    return None


def _is_size(value: Any) -> bool:
    is_pair = isinstance(value, (tuple, list, np.ndarray)) and len(value) == 2
    return is_pair and all(isinstance(side, Real) and float(side) > 0 for side in value)


class PosePickle:
    """The annotations of a pickle, or of one of its splits, with the interface of `PoseStore`.

    Clips keep the source's joints and pixels. A pickle made from a store is in part coordinates,
    and its clips equal the store's.

    Args:
        path (str | os.PathLike): The ``.pkl``. Nothing in it is executed.
        layout (str): Name in :data:`masa_mm.pose.skeleton.SOURCE_LAYOUTS`, for annotations that
            do not name their layout.
        split (str, optional): One of the file's splits; None takes all annotations.

    Raises:
        FileNotFoundError: If there is no such file.
        UnsafePickleError: If it holds more than data, or is damaged.
        SourceError: If it holds no pose annotations, or lacks the split.
        BadClipsError: If clips are unusable; names them.
    """

    def __init__(
        self, path: str | os.PathLike, layout: str = "coco_wholebody", split: str | None = None
    ) -> None:
        source_layout(layout)
        self.path, self.split = str(path), split or ""
        self._clips, self.glosses, self.source, self._cropped = read_annotations(path, split)
        self._layouts = [clip.get("layout", layout) for clip in self._clips]
        self.ids = [clip["frame_dir"] for clip in self._clips]
        problems = map(annotation_problem, self._clips, self._layouts)
        self._refuse([bad for bad in problems if bad])
        self.label = np.array([int(clip.get("label", -1)) for clip in self._clips], np.int64)
        self._refuse(self._joint_problems())

    def __deepcopy__(self, memo: dict) -> PosePickle:
        return self  # read-only

    def __len__(self) -> int:
        return len(self._clips)

    @property
    def num_frames(self) -> np.ndarray:
        """Frames of each clip, int64 [clips]."""
        return np.array([int(clip["total_frames"]) for clip in self._clips], np.int64)

    def info(self, index: int) -> dict[str, Any]:
        """Return a clip as MMAction2's ``results``; see :class:`SignPoseDataset` for the keys."""
        clip, label = self._clips[index], int(self.label[index])
        return dict(
            clip,
            frame_dir=self.ids[index],
            keypoint=clip["keypoint"].astype(np.float32),
            keypoint_score=clip["keypoint_score"].astype(np.float32),
            total_frames=int(clip["total_frames"]),
            label=label,
            gloss=self.glosses[label] if label >= 0 else "",
            clip_id=clip_hash(self.source, self.ids[index]),
            signer=int(clip.get("signer", -1)),
            layout=self._layouts[index],
            img_shape=tuple(clip["img_shape"]),
        )

    def _refuse(self, bad: Sequence[BadClip]) -> None:
        if bad:
            raise BadClipsError(self.path, bad)

    def _joint_problems(self) -> list[BadClip]:
        joints, scores = [], []
        for clip, layout in zip(self._clips, self._layouts):
            keypoint, score = select_joints(clip["keypoint"][0], clip["keypoint_score"][0], layout)
            joints.append(np.where(score[..., None] == 0, 0, keypoint))
            scores.append(score)
        _, bad = clip_problems(
            np.concatenate(joints),
            np.concatenate(scores),
            self.num_frames,
            self.ids,
            self.label,
            len(self.glosses),
            part_coordinates=self._cropped,
        )
        return bad


class PosePickleWriter:
    """Collect clips of the 49 joints and write them as MMAction2's pose annotations.

    The pickle has one split, 'all' if it has no name. Unlike a store, it is held in memory as a
    whole, both here and by its readers.

    Args:
        path (str | os.PathLike): The ``.pkl`` file to make.
        source (str): Name of the data set.
        split (str): Name of the split.
        glosses (Sequence[str]): Class names; their index is the label.

    Raises:
        UserError: If the file's name does not end in ``.pkl``.
    """

    def __init__(
        self, path: str | os.PathLike, source: str, split: str = "", glosses: Sequence[str] = ()
    ) -> None:
        if Path(path).suffix != ".pkl":
            raise UserError(f"{path}: the name of a pose pickle must end in .pkl; rename it")
        self.path, self.source, self.split = path, source, split
        self.glosses = [str(gloss) for gloss in glosses]
        self._annotations: list[dict[str, Any]] = []

    def add(
        self,
        clip: str,
        keypoint: np.ndarray,
        score: np.ndarray,
        img_shape: Sequence[float],
        label: int = -1,
        signer: int = -1,
        original_shape: Sequence[int] | None = None,
        **extra: Any,
    ) -> None:
        """Add a clip of ``keypoint`` [T, 49, 2] and ``score`` [T, 49], in units of ``img_shape``.

        ``original_shape`` is the (h, w) of the video in pixels, if it differs from ``img_shape``.
        The annotation also gets the keys ``extra``.
        """
        label = int(label)
        annotation = dict(
            frame_dir=str(clip),
            total_frames=len(keypoint),
            img_shape=_plain_numbers(img_shape),
            label=label,
            gloss=self.glosses[label] if label >= 0 else "",
            signer=int(signer),
            layout=LAYOUT,
            keypoint=np.array(keypoint[None], np.float32),
            keypoint_score=np.array(score[None], np.float32),
            **extra,
        )
        if original_shape is not None:
            annotation["original_shape"] = _plain_numbers(original_shape)
        self._annotations.append(annotation)

    def close(self) -> None:
        """Write the pickle, or raise a :class:`masa_mm.atomic_write.WriteError`."""
        with atomic_write(self.path) as temporary:
            self.write(temporary)

    def write(self, path: Path) -> None:
        """Write the pickle in place, to a file of another name."""
        content = dict(
            split={self.split or "all": [clip["frame_dir"] for clip in self._annotations]},
            annotations=self._annotations,
            classes=self.glosses,
            source=self.source,
        )
        with open(path, "wb") as file:
            pickle.dump(content, file, protocol=4)


def _plain_numbers(shape: Sequence[float]) -> tuple[int | float, ...]:
    """Convert a size to Python numbers, to int where a side is integral."""
    return tuple(int(side) if float(side).is_integer() else float(side) for side in shape)


def store_to_pickle(store: PoseStore, path: str | os.PathLike) -> int:
    """Write the clips of a store as a pose pickle; return their number.

    A store does not know where in the image the hands were, so the annotations are in part
    coordinates: ``layout`` 'sign49', ``normalization`` 'part_crop', ``img_shape`` (1, 1) (the unit
    is the side of a crop). This package reads them as they are and can convert them back to the
    same store.
    """
    writer = PosePickleWriter(path, store.source, store.split, store.glosses)
    for index in range(len(store)):
        clip = store.info(index)
        writer.add(
            clip["frame_dir"],
            clip["keypoint"][0],
            clip["keypoint_score"][0],
            img_shape=clip["img_shape"],
            label=clip["label"],
            signer=clip["signer"],
            original_shape=None if store.img_shape is None else store.img_shape[index],
            normalization=NORMALIZATION,
        )
    writer.close()
    return len(store)
