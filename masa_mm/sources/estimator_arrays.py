"""Arrays of pose estimators: one or several persons per frame, with a score for each joint."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from masa_mm.pose.files import read_arrays, read_json
from masa_mm.pose.safe_pickle import load_pickle
from masa_mm.pose.skeleton import source_layout
from masa_mm.sources.base import MAX_SIDE, ClipError, Option
from masa_mm.sources.folder import RawClip
from masa_mm.sources.signer_selection import signer_clip

_KEYPOINT_KEYS = ("keypoints", "keypoint")
_SCORE_KEYS = ("keypoint_scores", "keypoint_score", "scores")
# Medians of the coordinates of all visible joints: below the first they are divided by the image
# size, from the second on they are pixels. Nothing real lies between.
_MOST_NORMALIZED, _LEAST_PIXELS = 2.0, 8.0

_UNITS_HELP = "pixels, or divided by the image's width and height; by default the data tells"
ESTIMATOR_UNITS: Option = ("--units", dict(choices=("normalized", "pixels"), help=_UNITS_HELP))


def read_estimator_file(path: str | os.PathLike, layout: str, units: str | None = None) -> RawClip:
    """Read a clip from an ``.npz``, ``.json`` or pickle file, see :func:`estimator_clip`."""
    load = {".npz": read_arrays, ".json": read_json}.get(Path(path).suffix, load_pickle)
    return estimator_clip(load(path), layout, units)


def estimator_clip(content: Any, layout: str, units: str | None = None) -> RawClip:
    """Make a clip of arrays; of several persons keep the signer.

    Args:
        content (Any): One of
            - an array [T, V, 3] (x, y, score), or [T, N, V, 3] with N persons;
            - a mapping of ``keypoints`` and ``scores`` (or ``keypoint_scores``), [T, (N,) V, 2] and
              [T, (N,) V], or of ``keypoints`` [..., 3] alone; optionally of ``img_shape`` (h, w);
            - such a mapping with a list of frames under each name, [N, V, 2] and [N, V], where N
              may vary;
            - a list of mappings, or of pairs of keypoints and scores, one per frame.
            With ``start`` and ``end`` in the mapping, the clip is the frames from ``start`` to
            before ``end``.
        layout (str): Joint layout.
        units (str | None): 'pixels' or 'normalized' (divided by the image size). None: whichever
            the coordinates are.

    Raises:
        ClipError: If it is something else, if there is nobody in any frame, or if its coordinates
            are not in these units.
    """
    if isinstance(content, Mapping) and _is_list(_first(content, _KEYPOINT_KEYS)):
        clip = _clip_of_lists(content, layout)
    elif isinstance(content, (list, tuple)) and content and _is_frame(content[0]):
        clip = _clip_of_frames(content, layout)
    else:
        clip = _clip_of_arrays(content, layout)
    return clip._replace(normalized=_is_normalized(clip, units))


def as_numbers(value: Any, name: str) -> np.ndarray:
    """Convert file content to a float32 array; a ClipError unless it is an array of numbers."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        array = np.asarray(None)
    if array.dtype.kind not in "fiu":
        raise ClipError(f"its {name} are not an array of numbers", "give rows of equal length")
    return array.astype(np.float32)


def stack_persons(
    persons: Sequence[Mapping[str, Any]], key: str, shape: tuple[int, ...], remedy: str
) -> np.ndarray:
    """Stack a field of all persons [M, *shape]; a ClipError if missing or of another shape."""
    if not persons:
        return np.zeros((0, *shape), np.float32)
    if not all(key in person for person in persons):
        raise ClipError(f"a person has no {key}", remedy)
    values = as_numbers([person[key] for person in persons], key)
    if values.shape[1:] != shape:
        given, expected = list(values.shape[1:]), list(shape)
        raise ClipError(f"its {key} are {given} per person, expected {expected}", remedy)
    return values


def image_shape(value: Any, name: str = "img_shape") -> tuple[int, int] | None:
    """Return the (h, w) in pixels that a file gives, if any; a ClipError if not positive."""
    if value is None:
        return None
    sides = as_numbers(value, name).reshape(-1)
    if len(sides) < 2 or not ((sides[:2] > 0) & (sides[:2] <= MAX_SIDE)).all():
        raise ClipError(f"its {name} is {str(value)[:60]}", "give (h, w) in pixels")
    return int(sides[0]), int(sides[1])


def _is_normalized(clip: RawClip, units: str | None) -> bool:
    """Return whether x and y are divided by the image size; see :func:`estimator_clip`."""
    seen = np.abs(clip.keypoint[clip.score > 0])
    median = float(np.median(seen)) if seen.size else np.nan
    data = {median <= _MOST_NORMALIZED: "normalized", median >= _LEAST_PIXELS: "pixels"}.get(True)
    if units and data and units != data:
        raise ClipError(
            f"its coordinates are {data}, not {units}: their median is {median:.2g}",
            f"give --units {data}, or no --units",
        )
    if not units and not data and np.isfinite(median):
        problem = f"the median of its coordinates is {median:.2g}, neither pixels nor normalized"
        raise ClipError(problem, "give --units pixels or --units normalized")
    # Without a visible joint the units do not matter.
    return (units or data) != "pixels"


def _has_frames(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)


def _is_list(value: Any) -> bool:
    """Whether a value holds an object per frame, not one array of numbers."""
    return _has_frames(value) and (not isinstance(value, np.ndarray) or value.dtype.hasobject)


def _is_frame(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, (list, tuple)) and len(value) == 2)


def _clip_of_arrays(content: Any, layout: str) -> RawClip:
    if not isinstance(content, Mapping):
        content = dict(keypoints=content)
    keypoint, score = _joints(content, layout)
    frames = _frame_range(content, len(keypoint))
    keypoint, score = keypoint[frames], score[frames]
    if keypoint.ndim == 4:
        keypoint, score = signer_clip(keypoint, score)
    return RawClip(keypoint, score, image_shape(content.get("img_shape")))


def _clip_of_lists(content: Mapping[str, Any], layout: str) -> RawClip:
    """Make a clip of a mapping with a list of frames under each name."""
    names = [name for name in (*_KEYPOINT_KEYS, *_SCORE_KEYS) if name in content]
    counts = {name: len(content[name]) for name in names if _has_frames(content[name])}
    if len(set(counts.values())) > 1 or len(counts) < len(names):
        given = ", ".join(f"{name} for {count} frames" for name, count in counts.items())
        raise ClipError(f"it has {given}", "extract its poses again")
    frames = [dict(zip(names, values)) for values in zip(*(content[name] for name in names))]
    clip = _clip_of_frames(frames[_frame_range(content, len(frames))], layout)
    return clip._replace(img_shape=image_shape(content.get("img_shape")))


def _frame_range(content: Mapping[str, Any], num_frames: int) -> slice:
    """Return the frames from ``start`` to before ``end``, by default all."""
    if not num_frames:
        raise ClipError("it has no frames", "leave it out")
    start, end = content.get("start", 0), content.get("end", num_frames)
    if not all(isinstance(number, (int, np.integer)) for number in (start, end)) or not (
        0 <= start < end <= num_frames
    ):
        problem = f"it is said to be the frames from {start} to {end} of {num_frames}"
        raise ClipError(problem, "extract its poses again")
    return slice(int(start), int(end))


def _clip_of_frames(frames: Sequence[Any], layout: str) -> RawClip:
    mappings = [
        frame if isinstance(frame, Mapping) else dict(zip(("keypoints", "scores"), frame))
        for frame in frames
    ]
    keypoints, scores = zip(*(_joints(frame, layout, one_frame=True) for frame in mappings))
    sizes = {image_shape(frame.get("img_shape")) for frame in mappings} - {None}
    if len(sizes) > 1:
        raise ClipError("its frames have different img_shape", "resize them to one size")
    num_persons = np.array([len(keypoint) for keypoint in keypoints])
    keypoint, score = signer_clip(np.concatenate(keypoints), np.concatenate(scores), num_persons)
    return RawClip(keypoint, score, sizes.pop() if sizes else None)


def _joints(
    content: Mapping[str, Any], layout: str, one_frame: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return joints [..., V, 2] and scores [..., V]; estimators score absent joints 0 or less."""
    value = _first(content, _KEYPOINT_KEYS)
    # Some frames without anybody are None.
    keypoint = as_numbers([] if one_frame and value is None else value, "keypoints")
    joints = source_layout(layout).num_joints
    if one_frame and keypoint.size == 0:
        return np.zeros((0, joints, 2), np.float32), np.zeros((0, joints), np.float32)
    if one_frame and keypoint.ndim == 2:
        keypoint = keypoint[None]
    shape, ndims = keypoint.shape, (3,) if one_frame else (3, 4)
    if len(shape) not in ndims or shape[-2] != joints or shape[-1] not in (2, 3):
        raise ClipError(
            f"its keypoints are {list(shape)}",
            f"layout '{layout}' needs [T, {joints}, 3], or [T, {joints}, 2] and scores",
        )
    if any(name in content for name in _SCORE_KEYS):
        score = as_numbers(_first(content, _SCORE_KEYS), "scores")
    elif shape[-1] == 3:
        score = keypoint[..., 2]
    else:
        raise ClipError("it has no scores", f"give {' or '.join(_SCORE_KEYS)}, or x, y, score")
    score = score[None] if one_frame and score.ndim == 1 else score
    if score.shape != shape[:-1]:
        raise ClipError(
            f"keypoints are {list(keypoint[..., :2].shape)} and scores {list(score.shape)}",
            "give a score for each joint",
        )
    return keypoint[..., :2], np.maximum(score, 0)


def _first(content: Mapping[str, Any], names: Sequence[str]) -> Any:
    for name in names:
        if name in content:
            return content[name]
    raise ClipError(
        f"it has no {names[0]}; it has {', '.join(map(str, content)) or 'nothing'}",
        "give the file that docs/data/converters.md describes",
    )
