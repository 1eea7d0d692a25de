"""Motion residuals: the displacement of each joint over k frames (MASA, section III-B)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmaction.registry import TRANSFORMS

from masa_mm.datasets.transforms.base import SignTransform, split_views
from masa_mm.deprecation import moved_options
from masa_mm.option_checks import wholes


def motion_residual(
    keypoint: np.ndarray, score: np.ndarray, interval: int, pixel_scale: float
) -> np.ndarray:
    """Compute the signed motion m_t = x_{t+k} - x_t of every joint, float32 [..., T, V, C], pixels.

    It is 0 for the last k frames, and where the joint is absent (score 0) at either end.
    """
    motion = np.zeros(keypoint.shape, np.float32)
    start, end = keypoint[..., :-interval, :, :], keypoint[..., interval:, :, :]
    present = (score[..., :-interval, :] > 0) & (score[..., interval:, :] > 0)
    out = motion[..., :-interval, :, :]
    np.subtract(end, start, out=out, casting="unsafe")
    out *= pixel_scale
    out *= present[..., None]
    return motion


def motion_weight(score: np.ndarray, interval: int, score_thr: float) -> np.ndarray:
    """Compute the weight c_t * c_{t+k} of every motion, float32 [..., T, V].

    c is the score, or 0 below ``score_thr``. The weight is 0 for the last k frames.
    """
    confidence = np.where(score >= score_thr, score, 0)
    weight = np.zeros(score.shape, np.float32)
    weight[..., :-interval, :] = confidence[..., :-interval, :] * confidence[..., interval:, :]
    return weight


def _stack(arrays: Sequence[np.ndarray], axis: int) -> np.ndarray:
    """Stack arrays, but do not copy the usual single one as np.stack would."""
    return np.expand_dims(arrays[0], axis) if len(arrays) == 1 else np.stack(arrays, axis)


@TRANSFORMS.register_module()
@moved_options(TRANSFORMS, "ReferenceMotionResidual", "signed_thr")
class MotionResidual(SignTransform):
    """Compute the motion decoder's targets and their weights.

    For each interval k the target is m_t = x_{t+k} - x_t and its weight in L_m is c_t * c_{t+k}
    (MASA, section III-B; the paper uses k = 3 and names several intervals as an open direction).
    k counts frames of the current clip, so after sampling it counts the kept frames. Before
    :class:`SampleSignFrames`, the last frames of a crop have targets too. Place it after all
    transforms that move joints. Several views (``num_clips``) are kept apart.

    Required keys: keypoint [M, T, V, C]; keypoint_score [M, T, V] (optional, else all present).
    Added keys: motion (float32 [M, T, V, K, C], pixels, signed; 0 for the last k frames and where a
    joint is absent at either end), motion_weight (float32 [M, T, V, K], 0 for the last k frames).

    Args:
        intervals (Sequence[int]): The intervals k, in frames.
        score_thr (float): eps_c; a joint with a lower score has weight 0.
        pixel_scale (float): Pixels per unit of ``keypoint``: 256 for part coordinates (the width of
            a crop), 1 for pixels.
    """

    def __init__(
        self,
        intervals: Sequence[int] = (3,),
        score_thr: float = 0.4,
        pixel_scale: float = 256.0,
    ) -> None:
        wholes(1).check(f"{type(self).__name__}: intervals", intervals)
        self.intervals = tuple(int(k) for k in intervals)
        self.score_thr = self._fraction("score_thr", score_thr)
        self.pixel_scale = self._positive("pixel_scale", pixel_scale)

    def transform(self, results: dict) -> dict:
        """Add motion and weight to a clip."""
        keypoint, score = (split_views(array, results) for array in self._clip(results))
        motions = [motion_residual(keypoint, score, k, self.pixel_scale) for k in self.intervals]
        weights = [motion_weight(score, k, self.score_thr) for k in self.intervals]
        persons, frames, joints, coordinates = results["keypoint"].shape
        shape = persons, frames, joints, len(self.intervals)
        results["motion"] = _stack(motions, axis=-2).reshape(*shape, coordinates)
        results["motion_weight"] = _stack(weights, axis=-1).reshape(shape)
        return results
