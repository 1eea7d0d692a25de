"""Flaws as a pose detector makes them: jitter, lost joints, lost frames."""

from __future__ import annotations

import numpy as np
from mmaction.registry import TRANSFORMS

from masa_mm.datasets.transforms.base import SignTransform


@TRANSFORMS.register_module()
class JointNoise(SignTransform):
    """Add Gaussian jitter to the joints that are present.

    After :class:`MotionResidual` it disturbs what the network sees but not what it is to predict.

    Required and modified key: keypoint [M, T, V, C]; keypoint_score [M, T, V] (read, optional).

    Args:
        std (float): standard deviation in pixels.
        pixel_scale (float): pixels a unit of ``keypoint``: 256 for part coordinates, 1 for pixels.
        prob (float): probability, drawn once a clip.

    Raises:
        ValueError: a bad argument, or a clip without frames.
    """

    def __init__(self, std: float, pixel_scale: float = 256.0, prob: float = 1.0) -> None:
        self.std = self._at_least("std", std, 0)
        self.pixel_scale = self._positive("pixel_scale", pixel_scale)
        self.prob = self._fraction("prob", prob)

    def transform(self, results: dict) -> dict:
        keypoint, score = self._clip(results)
        if np.random.random_sample() >= self.prob:
            return results
        noise = np.random.standard_normal(keypoint.shape).astype(np.float32)
        noise *= (score > 0)[..., None] * np.float32(self.std / self.pixel_scale)
        results["keypoint"] = keypoint + noise
        return results


@TRANSFORMS.register_module()
class DropJoints(SignTransform):
    """Lose joints: each present joint of each frame with probability ``prob``, by itself.

    One joint of the clip always stays. Belongs before :class:`MotionAwareMasking`, which counts
    visible frames.

    Required and modified keys: keypoint [M, T, V, C], keypoint_score [M, T, V], both set to 0.

    Args:
        prob (float): probability for each joint.

    Raises:
        ValueError: a bad argument, a clip without frames, or a mask made before.
    """

    def __init__(self, prob: float) -> None:
        self.prob = self._fraction("prob", prob)

    def transform(self, results: dict) -> dict:
        _, score = self._clip(results)
        self._must_precede(results, "frame_mask")
        _keep_some(results, score > 0, self.prob)
        return results


@TRANSFORMS.register_module()
class DropFrames(SignTransform):
    """Lose whole frames, each with probability ``prob``; they stay in place, without joints.

    One frame with a joint always stays. Belongs before :class:`MotionAwareMasking`, which counts
    visible frames.

    Required and modified keys: keypoint [M, T, V, C], keypoint_score [M, T, V], both set to 0.

    Args:
        prob (float): probability for each frame.

    Raises:
        ValueError: a bad argument, a clip without frames, or a mask made before.
    """

    def __init__(self, prob: float) -> None:
        self.prob = self._fraction("prob", prob)

    def transform(self, results: dict) -> dict:
        _, score = self._clip(results)
        self._must_precede(results, "frame_mask")
        _keep_some(results, (score > 0).any(axis=(0, 2))[None, :, None], self.prob)
        return results


def _keep_some(results: dict, present: np.ndarray, prob: float) -> None:
    """Set joints and scores to 0 with a probability, sparing one present entry at random.

    Args:
        results (dict): the clip.
        present (np.ndarray): bool, [M, T, V] or broadcastable to it: one entry a draw.
        prob (float): probability.
    """
    kept = np.random.random_sample(present.shape) >= prob
    if not (kept & present).any():
        entries = np.flatnonzero(present)
        if len(entries):
            kept.flat[entries[np.random.randint(len(entries))]] = True
    results["keypoint"] = results["keypoint"] * kept[..., None]
    if "keypoint_score" in results:
        results["keypoint_score"] = results["keypoint_score"] * kept
