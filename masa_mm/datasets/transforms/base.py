"""What all transforms share: how a clip's arrays lie in ``results`` and how they are checked.

A transform never writes into an array it was given: those of a pose store are views of a read-only
memory-mapped file shared by all workers. It puts new arrays in their place.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from masa_mm.errors import MissingKeyError, UserError
from masa_mm.pose.skeleton import NUM_JOINTS, PARTS

# Every array of ``results`` that has one entry a frame, and the axis of the frames.
FRAME_AXIS = dict(
    keypoint=1, keypoint_score=1, motion=1, motion_weight=1, frame_mask=1, frame_inds=0
)
PART_STARTS = tuple(part.start for part in PARTS)
PART_SIZES = tuple(part.num_joints for part in PARTS)


class SignTransform(BaseTransform):
    """Base of the transforms: a printout from the constructor, checks, and the clip's arrays.

    Subclasses keep every constructor argument in an attribute of its name.
    """

    def __repr__(self) -> str:
        names = inspect.signature(type(self)).parameters
        arguments = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__name__}({arguments})"

    def _fraction(self, name: str, value: float) -> float:
        if not 0 <= value <= 1:
            raise UserError(f"{type(self).__name__}: {name} must lie in [0, 1], got {value!r}")
        return float(value)

    def _at_least(self, name: str, value: float, least: float) -> float:
        if not value >= least:
            raise UserError(f"{type(self).__name__}: {name} must be {least} or more, got {value!r}")
        return value

    def _positive(self, name: str, value: float) -> float:
        if not value > 0:
            raise UserError(f"{type(self).__name__}: {name} must be above 0, got {value!r}")
        return float(value)

    def _one_of(self, name: str, value: str, choices: Sequence[str]) -> str:
        if value not in choices:
            raise UserError(
                f"{type(self).__name__}: {name} must be one of {', '.join(choices)}, got {value!r}"
            )
        return value

    def _clip(self, results: dict) -> tuple[np.ndarray, np.ndarray]:
        """The clip's joints [M, T, V, C] and scores [M, T, V], checked.

        Three-dimensional annotations of MMAction2 have no scores and mark what is missing by zeros:
        there the score is 1 where a coordinate is not zero.

        Raises:
            KeyError: there is no ``keypoint``.
            ValueError: the shapes do not fit each other, or the clip has no frames.
        """
        if "keypoint" not in results:
            raise MissingKeyError(f"{self._where(results)} has no 'keypoint'")
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
        """As :meth:`_clip`, for what knows hands from body: the 49 sign joints only."""
        keypoint, score = self._clip(results)
        if keypoint.shape[2] != NUM_JOINTS:
            raise UserError(
                f"{self._where(results)} needs the {NUM_JOINTS} sign joints, got "
                f"{keypoint.shape[2]}: place SelectSignJoints before it"
            )
        return keypoint, score

    def _must_precede(self, results: dict, *keys: str) -> None:
        """Refuse to change joints from which something was derived that would not follow."""
        for key in keys:
            if key in results:
                raise UserError(
                    f"{self._where(results)} already has {key!r}, which would no longer fit its "
                    f"joints: place {type(self).__name__} before the transform that makes {key!r}"
                )

    def _must_be_one_sample(self, results: dict) -> None:
        """Refuse to drop frames where several views of one length lie one after another."""
        if results.get("num_clips", 1) != 1:
            raise UserError(
                f"{self._where(results)} was sampled with num_clips={results['num_clips']}, whose "
                "views would no longer be of one length: set num_clips=1 or place "
                f"{type(self).__name__} before the sampling"
            )

    def _where(self, results: dict) -> str:
        return f"{type(self).__name__}: clip {results.get('frame_dir', '(unnamed)')!r}"


def frame_numbers(results: dict) -> np.ndarray:
    """The clip's own frame numbers, int64 [T]: ``frame_inds``, or 0..T-1 before any sampling."""
    if "frame_inds" in results:
        return results["frame_inds"]
    return np.arange(results["keypoint"].shape[1], dtype=np.int64)


def take_frames(results: dict, inds: np.ndarray) -> None:
    """Index every per-frame array of ``results`` along its frames; -1 stands for a padding frame.

    A padding frame is zero everywhere (so its scores mark it) and has frame number -1.

    Args:
        results (dict): the clip; ``frame_inds`` is added where it is missing.
        inds (np.ndarray): int64 [T'], positions in the clip as it is now.
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
    """[M, num_clips * T, ...] -> [M, num_clips, T, ...]: nothing is to cross from view to view."""
    num_clips = results.get("num_clips", 1)
    return array.reshape(array.shape[0], num_clips, -1, *array.shape[2:])


def random_subset(candidates: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Draw ``count`` of the candidates of each row without replacement.

    Args:
        candidates (np.ndarray): bool [..., T].
        count (np.ndarray): int [...]; where it exceeds the candidates all of them are drawn.

    Returns:
        np.ndarray: bool [..., T], a subset of the candidates.
    """
    key = np.where(candidates, np.random.random_sample(candidates.shape), 2.0)
    rank = key.argsort(axis=-1).argsort(axis=-1)
    return candidates & (rank < np.asarray(count)[..., None])
