"""Base class and array helpers of the transforms.

A transform never writes into the arrays it receives, because those of a pose store are views of a
read-only file that all workers share. It replaces them by new arrays.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from masa_mm.errors import MissingKeyError, UserError
from masa_mm.option_checks import FRACTION, above, at_least, whole
from masa_mm.pose.skeleton import NUM_JOINTS, PARTS

# The frame axis of every per-frame array in ``results``.
FRAME_AXIS = dict(
    keypoint=1, keypoint_score=1, motion=1, motion_weight=1, frame_mask=1, frame_inds=0
)
PART_STARTS = tuple(part.start for part in PARTS)
PART_SIZES = tuple(part.num_joints for part in PARTS)


class SignTransform(BaseTransform):
    """Base class with argument checks, clip checks and a printout of the arguments.

    Subclasses store every constructor argument in an attribute of the same name.

    Raises:
        UserError: By every transform, if an argument is invalid, or a clip has no frames, arrays of
            other shapes than required, or arrays already derived from joints that would change.
        MissingKeyError: By every transform, if a clip lacks a required key.
    """

    def __repr__(self) -> str:
        names = dict.fromkeys(
            name
            for cls in reversed(type(self).__mro__)
            for name in inspect.signature(vars(cls).get("__init__", object)).parameters
            if hasattr(self, name)
        )
        arguments = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__name__}({arguments})"

    def _fraction(self, name: str, value: float) -> float:
        FRACTION.check(f"{type(self).__name__}: {name}", value)
        return float(value)

    def _at_least(self, name: str, value: float, least: float) -> float:
        at_least(least).check(f"{type(self).__name__}: {name}", value)
        return value

    def _count(self, name: str, value: int) -> int:
        whole(1).check(f"{type(self).__name__}: {name}", value)
        return value

    def _positive(self, name: str, value: float) -> float:
        above(0).check(f"{type(self).__name__}: {name}", value)
        return float(value)

    def _one_of(self, name: str, value: str, choices: Sequence[str]) -> str:
        if value not in choices:
            raise UserError(
                f"{type(self).__name__}: {name} must be one of {', '.join(choices)}, got {value!r}"
            )
        return value

    def _clip(self, results: dict) -> tuple[np.ndarray, np.ndarray]:
        """Return the clip's keypoints [M, T, V, C] and scores [M, T, V] after checking shapes.

        MMAction2's 3D annotations have no scores and mark missing joints by zeros; their score is
        1 where a coordinate is not zero.
        """
        if "keypoint" not in results:
            raise MissingKeyError(f"{self._where(results)} has no 'keypoint'{_hint(results)}")
        keypoint = results["keypoint"]
        if keypoint.ndim != 4:
            raise UserError(
                f"{self._where(results)} needs 'keypoint' of shape [persons, frames, joints, "
                f"coordinates], got {list(keypoint.shape)}: place it before FormatGCNInput and "
                "packing"
            )
        if 0 in keypoint.shape[:3]:
            raise UserError(
                f"{self._where(results)} is empty: 'keypoint' has shape {list(keypoint.shape)}"
            )
        score = results.get("keypoint_score")
        if score is None:
            score = (keypoint != 0).any(-1).astype(np.float32)
        elif score.shape != keypoint.shape[:3]:
            raise UserError(
                f"{self._where(results)} has 'keypoint' of shape {list(keypoint.shape)} "
                f"but 'keypoint_score' of shape {list(score.shape)}"
            )
        return keypoint, score

    def _sign_clip(self, results: dict) -> tuple[np.ndarray, np.ndarray]:
        """Return keypoints and scores as :meth:`_clip`, but only of the 49 sign joints."""
        keypoint, score = self._clip(results)
        if keypoint.shape[2] != NUM_JOINTS:
            raise UserError(
                f"{self._where(results)} needs the {NUM_JOINTS} sign joints, got "
                f"{keypoint.shape[2]}: place SelectSignJoints before it"
            )
        return keypoint, score

    def _must_precede(self, results: dict, *keys: str) -> None:
        """Refuse to change joints after the arrays ``keys`` were derived from them."""
        for key in keys:
            if key in results:
                raise UserError(
                    f"{self._where(results)} already has {key!r}, which would no longer fit its "
                    f"joints: place {type(self).__name__} before the transform that makes {key!r}"
                )

    def _must_be_one_sample(self, results: dict) -> None:
        """Refuse to drop frames from concatenated views, which must keep one length."""
        if results.get("num_clips", 1) != 1:
            raise UserError(
                f"{self._where(results)} was sampled with num_clips={results['num_clips']}, and "
                "its views would get different lengths: set num_clips=1 or place "
                f"{type(self).__name__} before the sampling"
            )

    def _where(self, results: dict) -> str:
        return f"{type(self).__name__}: clip {results.get('frame_dir', '(unnamed)')!r}"


def _hint(results: dict) -> str:
    """What to do about the keys that MMAction2 gives a clip of another kind."""
    if not results.keys() & {"filename", "array", "imgs", "audio_path", "filename_tmpl"}:
        return ""
    return (
        ": it is a video, but signs are recognised from poses; extract them first "
        "(tools/data/extract_poses.py), and give MMAction2's inference_skeleton its pose_results "
        "or inference_recognizer a dict with 'keypoint' and 'keypoint_score'"
    )


def frame_numbers(results: dict) -> np.ndarray:
    """Return the original frame numbers int64 [T]: ``frame_inds``, or 0..T-1 before sampling."""
    if "frame_inds" in results:
        return results["frame_inds"]
    return np.arange(results["keypoint"].shape[1], dtype=np.int64)


def take_frames(results: dict, inds: np.ndarray) -> None:
    """Index every per-frame array of ``results``; -1 inserts a padding frame.

    A padding frame is zero everywhere, so its scores mark it, and has frame number -1.

    Args:
        results (dict): The clip; ``frame_inds`` is added if missing.
        inds (np.ndarray): int64 [T'], positions in the current clip.
    """
    results["frame_inds"] = frame_numbers(results)
    padding = inds < 0
    has_padding = padding.any()
    for key, axis in FRAME_AXIS.items():
        if key in results:
            taken = np.take(results[key], inds, axis=axis)
            if has_padding:
                taken[(slice(None),) * axis + (padding,)] = -1 if key == "frame_inds" else 0
            results[key] = taken


def split_views(array: np.ndarray, results: dict) -> np.ndarray:
    """Reshape [M, num_clips * T, ...] to [M, num_clips, T, ...], which separates the views."""
    num_clips = results.get("num_clips", 1)
    return array.reshape(array.shape[0], num_clips, -1, *array.shape[2:])


def random_subset(candidates: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Draw ``count`` candidates of each row without replacement.

    Args:
        candidates (np.ndarray): Bool [..., T].
        count (np.ndarray): Integers [...]; a row with fewer candidates gives all of them.

    Returns:
        np.ndarray: Bool [..., T], a subset of the candidates.
    """
    key = np.where(candidates, np.random.random_sample(candidates.shape), 2.0)
    rank = key.argsort(axis=-1).argsort(axis=-1)
    return candidates & (rank < np.asarray(count)[..., None])
