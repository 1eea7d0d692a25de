"""Estimators' arrays of one or several persons, and of joints with or without scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from masa_mm.pose.skeleton import source_layout
from masa_mm.sources.base import ClipError
from masa_mm.sources.folder import RawClip
from masa_mm.sources.signer_selection import signer_clip

_KEYPOINTS = ("keypoints", "keypoint")
_SCORES = ("keypoint_scores", "keypoint_score", "scores")


def as_numbers(value: Any, what: str) -> np.ndarray:
    """An array of floats of whatever a file held.

    Raises:
        ClipError: it is no array of numbers, or its rows are not of one length.
    """
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        array = np.asarray(None)
    if array.dtype.kind not in "fiu":
        raise ClipError(f"its {what} are no array of numbers", "give rows of one length")
    return array.astype(np.float32)


def one_clip(content: Any, layout: str) -> RawClip:
    """A clip of an array, or of a mapping of arrays, of a source whose joints have scores.

    Args:
        content: [T, V, 3] (x, y, score), with persons [T, N, V, 3]; or a mapping of ``keypoints``
            ([T, (N,) V, 2] with ``keypoint_scores`` or ``scores`` [T, (N,) V], or [..., 3]) and
            optionally ``img_shape`` (h, w); or a list of such mappings or pairs, one a frame, with
            persons [N, V, 2] and [N, V].
        layout: of the joints.

    Raises:
        ClipError: it is something else.
    """
    if isinstance(content, (list, tuple)) and content and _is_frame(content[0]):
        return _of_frames(content, layout)
    if not isinstance(content, Mapping):
        content = dict(keypoints=content)
    keypoint, score = _joints(content, layout)
    if keypoint.ndim == 4:
        counts = np.full(len(keypoint), keypoint.shape[1])
        keypoint, score = signer_clip(
            *(a.reshape(-1, *a.shape[2:]) for a in (keypoint, score)), counts
        )
    if keypoint.ndim != 3:
        raise _wrong_shape(keypoint, layout)
    return RawClip(keypoint, score, _size(content.get("img_shape")))


def _is_frame(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, (list, tuple)) and len(value) == 2)


def _of_frames(frames: Sequence[Any], layout: str) -> RawClip:
    pairs = [
        _joints(
            f if isinstance(f, Mapping) else dict(zip(("keypoints", "scores"), f)), layout, True
        )
        for f in frames
    ]
    keypoint, score = (np.concatenate(arrays) for arrays in zip(*pairs))
    counts = np.array([len(keypoint) for keypoint, _ in pairs])
    sizes = {_size(f.get("img_shape")) for f in frames if isinstance(f, Mapping)} - {None}
    if len(sizes) > 1:
        raise ClipError("its frames have different img_shape", "bring them to one size")
    return RawClip(*signer_clip(keypoint, score, counts), sizes.pop() if sizes else None)


def _joints(
    content: Mapping[str, Any], layout: str, of_frame: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Joints [..., V, 2] and scores [..., V]; what an estimator scores 0 or less is absent."""
    keypoint = as_numbers(_first(content, _KEYPOINTS), "keypoints")
    joints = source_layout(layout).num_joints
    if of_frame and keypoint.size == 0:
        return np.zeros((0, joints, 2), np.float32), np.zeros((0, joints), np.float32)
    if of_frame and keypoint.ndim == 2:
        keypoint = keypoint[None]
    if keypoint.ndim < 3 or keypoint.shape[-2] != joints or keypoint.shape[-1] not in (2, 3):
        raise _wrong_shape(keypoint, layout)
    keypoint, score = _part_scores(content, keypoint)
    score = score[None] if of_frame and score.ndim == 1 else score
    if score.shape != keypoint.shape[:-1]:
        raise ClipError(
            f"keypoints are {list(keypoint.shape)} and scores {list(score.shape)}",
            "give a score for each joint",
        )
    return keypoint, np.maximum(score, 0)


def _part_scores(content: Mapping[str, Any], keypoint: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores have an entry of their own, or are the third number of each joint."""
    if any(name in content for name in _SCORES):
        return keypoint[..., :2], as_numbers(_first(content, _SCORES), "scores")
    if keypoint.shape[-1] == 3:
        return keypoint[..., :2], keypoint[..., 2]
    raise ClipError("it has no scores", f"give {' or '.join(_SCORES)}, or x, y, score")


def _first(content: Mapping[str, Any], names: Sequence[str]) -> Any:
    for name in names:
        if name in content:
            return content[name]
    raise ClipError(
        f"it has no {names[0]}; it has {', '.join(map(str, content)) or 'nothing'}",
        "give the file that this source's page describes",
    )


def _wrong_shape(keypoint: np.ndarray, layout: str) -> ClipError:
    joints = source_layout(layout).num_joints
    return ClipError(
        f"its keypoints are {list(keypoint.shape)}",
        f"layout '{layout}' needs [T, {joints}, 3], or [T, {joints}, 2] and scores",
    )


def _size(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    sides = as_numbers(value, "img_shape").reshape(-1)
    if len(sides) < 2 or not (sides[:2] > 0).all():
        raise ClipError(f"its img_shape is {value}", "give (h, w) in pixels")
    return int(sides[0]), int(sides[1])
