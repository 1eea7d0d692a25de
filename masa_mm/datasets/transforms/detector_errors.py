"""Errors of pose detectors: simulate jitter and losses, or interpolate what was lost."""

from __future__ import annotations

import numpy as np
from mmaction.registry import TRANSFORMS

from masa_mm.datasets.transforms.base import SignTransform, frame_numbers
from masa_mm.datasets.transforms.units import WIDEST, reach
from masa_mm.errors import UserError


@TRANSFORMS.register_module()
class JointNoise(SignTransform):
    """Add Gaussian jitter to the joints that are present.

    After :class:`MotionResidual` it disturbs the network's input but not its targets.

    Required keys: keypoint [M, T, V, C]; keypoint_score [M, T, V] (optional). Modified key:
    keypoint.

    Args:
        std (float): Standard deviation in pixels.
        pixel_scale (float): Pixels per unit of ``keypoint``: 256 for part coordinates, 1 for
            pixels.
        prob (float): Probability, drawn once per clip.

    Raises:
        UserError: If ``pixel_scale`` does not fit the coordinates.
    """

    def __init__(self, std: float, pixel_scale: float = 256.0, prob: float = 1.0) -> None:
        self.std = self._at_least("std", std, 0)
        self.pixel_scale = self._positive("pixel_scale", pixel_scale)
        self.prob = self._fraction("prob", prob)

    def transform(self, results: dict) -> dict:
        """Add jitter to a clip."""
        keypoint, score = self._clip(results)
        self._check_units(results, keypoint, score)
        if np.random.random_sample() >= self.prob:
            return results
        noise = np.random.standard_normal(keypoint.shape).astype(np.float32)
        noise *= (score > 0)[..., None] * np.float32(self.std / self.pixel_scale)
        results["keypoint"] = keypoint + noise
        return results

    def _check_units(self, results: dict, keypoint: np.ndarray, score: np.ndarray) -> None:
        """Refuse coordinates on which the noise would be lost, or would leave nothing else."""
        extent = reach(results, keypoint, score)
        pixels = extent * self.pixel_scale
        if pixels > WIDEST:
            remedy = "more than any video has. If the joints are in pixels, set pixel_scale=1"
        elif 0 < pixels < 2 * self.std:
            remedy = (
                f"too few for std={self.std:g}. Set pixel_scale to the pixels of a unit (256 for "
                "part coordinates), or lower std"
            )
        else:
            return
        raise UserError(
            f"{self._where(results)} has coordinates up to {extent:.3g}, which pixel_scale="
            f"{self.pixel_scale:g} makes {pixels:.3g} pixels, {remedy}"
        )


@TRANSFORMS.register_module()
class DropJoints(SignTransform):
    """Set each present joint of each frame to 0 with probability ``prob``, independently.

    One joint of the clip always remains. Place it before :class:`MotionAwareMasking`, which counts
    visible frames.

    Required and modified keys: keypoint [M, T, V, C], keypoint_score [M, T, V].

    Args:
        prob (float): Probability for each joint.
    """

    def __init__(self, prob: float) -> None:
        self.prob = self._fraction("prob", prob)

    def transform(self, results: dict) -> dict:
        """Drop joints of a clip."""
        keypoint, score = self._clip(results)
        self._must_precede(results, "frame_mask")
        present = self._droppable(score > 0)
        kept = np.random.random_sample(present.shape) >= self.prob
        if present.any() and not (kept & present).any():
            kept.flat[np.random.choice(np.flatnonzero(present))] = True
        results["keypoint"] = keypoint * kept[..., None]
        if "keypoint_score" in results:
            results["keypoint_score"] = score * kept
        return results

    def _droppable(self, present: np.ndarray) -> np.ndarray:
        """Entries that are dropped independently, of bool [M, T, V]."""
        return present


@TRANSFORMS.register_module()
class DropFrames(DropJoints):
    """Set all joints of a frame to 0 with probability ``prob``; the frame itself remains.

    One frame with a joint always remains. See :class:`DropJoints` for place and keys.

    Args:
        prob (float): Probability for each frame.
    """

    def _droppable(self, present: np.ndarray) -> np.ndarray:
        return np.asarray(present.any(axis=(0, 2), keepdims=True))


@TRANSFORMS.register_module()
class InterpolateJoints(SignTransform):
    """Fill lost joints from the nearest frames before and after that show them.

    Between two such frames the position is interpolated linearly by frame number; before the first
    and after the last it is constant. This avoids jumps to 0 and back. Filled joints get a low
    ``score``; the default is below the confidence threshold of motion (eps_c = 0.4), so they
    neither select frames for masking nor are targets.

    Place it after :class:`KeepHandFrames`, which would otherwise keep frames with filled joints
    only. Do not use it for masked pretraining: a filled frame contains information about its
    neighbours, which may be masked.

    Required and modified keys: keypoint [M, T, V, C], keypoint_score [M, T, V]. Optional key:
    frame_inds.

    Args:
        max_distance (int): Largest distance in frames to the nearest frame that shows the joint.
        score (float): Score of filled joints, above 0.
    """

    def __init__(self, max_distance: int = 10, score: float = 0.3) -> None:
        self.max_distance = self._count("max_distance", max_distance)
        self.score = self._positive("score", self._fraction("score", score))

    def transform(self, results: dict) -> dict:
        """Fill the lost joints of a clip."""
        keypoint, score = self._clip(results)
        self._must_be_one_sample(results)
        self._must_precede(results, "motion", "frame_mask")
        visible = score > 0
        if visible.all():
            return results
        number = frame_numbers(results)
        before, after = _nearest_visible(visible)
        to_before = np.where(before < 0, np.inf, number[:, None] - number[before])
        to_after = np.where(after < 0, np.inf, number[after] - number[:, None])
        filled = ~visible & (np.minimum(to_before, to_after) <= self.max_distance)
        person, frame, joint = np.nonzero(filled)
        first, last = before[filled], after[filled]
        # Gaps at the clip's start or end use their only neighbour twice.
        first, last = np.where(first < 0, last, first), np.where(last < 0, first, last)
        span = np.maximum(number[last] - number[first], 1)
        weight = np.clip((number[frame] - number[first]) / span, 0, 1)[:, None]
        start, end = keypoint[person, first, joint], keypoint[person, last, joint]
        keypoint, score = keypoint.copy(), score.copy()
        keypoint[filled] = start + weight.astype(keypoint.dtype) * (end - start)
        score[filled] = self.score
        results.update(keypoint=keypoint, keypoint_score=score)
        return results


def _nearest_visible(visible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest visible frame at or before and after each, -1 for none, of [M, T, V]."""
    num_frames = visible.shape[1]
    frame = np.arange(num_frames)[:, None]
    before = np.maximum.accumulate(np.where(visible, frame, -1), axis=1)
    after = np.minimum.accumulate(np.where(visible, frame, num_frames)[:, ::-1], axis=1)[:, ::-1]
    return before, np.where(after == num_frames, -1, after)
