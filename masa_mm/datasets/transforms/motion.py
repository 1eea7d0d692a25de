"""Motion residuals: how far each joint travels in the next k frames (MASA, section III-B)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmaction.registry import TRANSFORMS

from masa_mm.datasets.transforms.base import SignTransform, split_views
from masa_mm.errors import UserError


def motion_residual(
    keypoint: np.ndarray, score: np.ndarray, interval: int, pixel_scale: float = 1.0
) -> np.ndarray:
    """Signed motion m_t = x_{t+k} - x_t of every joint.

    It is 0 for the last k frames, which have no later frame to compare with, and where the joint is
    absent (score 0) at either end, its coordinates then being no position.

    Args:
        keypoint (np.ndarray): [..., T, V, C].
        score (np.ndarray): [..., T, V].
        interval (int): k, in frames of the sequence as it stands.
        pixel_scale (float): pixels a unit of ``keypoint``.

    Returns:
        np.ndarray: float32 [..., T, V, C], in pixels.
    """
    motion = np.zeros(keypoint.shape, np.float32)
    here, there = (..., slice(-interval), slice(None)), (..., slice(interval, None), slice(None))
    ahead = motion[..., :-interval, :, :]
    np.subtract(
        keypoint[..., interval:, :, :], keypoint[..., :-interval, :, :], out=ahead, casting="unsafe"
    )
    ahead *= pixel_scale
    ahead *= ((score[here] > 0) & (score[there] > 0))[..., None]
    return motion


def motion_weight(score: np.ndarray, interval: int, score_thr: float) -> np.ndarray:
    """Confidence c_t * c_{t+k} in a motion residual, with c = score if score >= score_thr else 0.

    Args:
        score (np.ndarray): [..., T, V].
        interval (int): k, in frames.
        score_thr (float): eps_c.

    Returns:
        np.ndarray: float32 [..., T, V], 0 for the last k frames.
    """
    confidence = np.where(score >= score_thr, score, 0)
    weight = np.zeros(score.shape, np.float32)
    weight[..., :-interval, :] = confidence[..., :-interval, :] * confidence[..., interval:, :]
    return weight


def _stack(arrays: Sequence[np.ndarray], axis: int) -> np.ndarray:
    """As np.stack, which would copy the one array there mostly is."""
    return np.expand_dims(arrays[0], axis) if len(arrays) == 1 else np.stack(arrays, axis)


@TRANSFORMS.register_module()
class MotionResidual(SignTransform):
    """What the motion decoder learns to predict, and how sure one can be of it.

    For each interval k: m_t = x_{t+k} - x_t, and the weight c_t * c_{t+k} by which L_m multiplies
    the error (MASA, section III-B; the paper uses k = 3 alone and names several intervals as an
    open direction). Frames are compared by their place in the clip as it stands: after a sampling
    that leaves frames out, k counts the frames that were kept. Placed before
    :class:`SampleSignFrames` the last frames of a crop have a target too. Transforms that move
    joints belong before it. Several views (``num_clips``) are kept apart.

    Required keys: keypoint [M, T, V, C]; keypoint_score [M, T, V] (optional, else all present).
    Added keys: motion (float32 [M, T, V, K, C], pixels, signed; 0 for the last k frames and where a
    joint is absent at either end), motion_weight (float32 [M, T, V, K], 0 for the last k frames;
    with ``signed_thr`` [M, T, V, K, C]).

    Args:
        intervals (sequence of int): the intervals k, in frames.
        score_thr (float): eps_c; a joint below it counts as not seen.
        signed_thr (float, optional): pixels; the reference code's supervision, coordinate by
            coordinate and only where the signed motion exceeds this: nothing that moves left or up
            is a target. None: every confident joint is (the paper).
        pixel_scale (float): pixels a unit of ``keypoint``: 256 for part coordinates (a crop is
            256 pixels wide), 1 for pixels.

    Raises:
        ValueError: a bad argument, or a clip without frames.
    """

    def __init__(
        self,
        intervals: Sequence[int] = (3,),
        score_thr: float = 0.4,
        pixel_scale: float = 256.0,
        signed_thr: float | None = None,
    ) -> None:
        if not intervals or any(k != int(k) or k < 1 for k in intervals):
            raise UserError(
                "MotionResidual: intervals must be whole numbers of frames above 0, "
                f"got {intervals!r}"
            )
        self.intervals = tuple(int(k) for k in intervals)
        self.score_thr = self._fraction("score_thr", score_thr)
        self.pixel_scale = self._positive("pixel_scale", pixel_scale)
        self.signed_thr = signed_thr
        if signed_thr is not None:
            self._at_least("signed_thr", signed_thr, 0)

    def transform(self, results: dict) -> dict:
        keypoint, score = self._clip(results)
        keypoint, score = split_views(keypoint, results), split_views(score, results)
        motion = [motion_residual(keypoint, score, k, self.pixel_scale) for k in self.intervals]
        weight = [motion_weight(score, k, self.score_thr) for k in self.intervals]
        shape = results["keypoint"].shape
        motion = _stack(motion, axis=-2).reshape(*shape[:3], -1, shape[3])
        weight = _stack(weight, axis=-1).reshape(*shape[:3], -1)
        if self.signed_thr is not None:
            weight = weight[..., None] * (motion > self.signed_thr)
        results.update(motion=motion, motion_weight=weight)
        return results
