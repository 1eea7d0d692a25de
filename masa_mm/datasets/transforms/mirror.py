"""The mirror image of a signer."""

from __future__ import annotations

import numpy as np
from mmaction.registry import TRANSFORMS

from masa_mm.datasets.transforms.base import SignTransform
from masa_mm.pose.skeleton import BODY, BODY_MIRROR_PAIRS, LEFT_HAND, NUM_JOINTS, RIGHT_HAND


def _mirrored_order() -> np.ndarray:
    """For each of the 49 joints, the joint that takes its place in the mirror image."""
    order = np.arange(NUM_JOINTS)
    order[RIGHT_HAND.joints], order[LEFT_HAND.joints] = (
        order[LEFT_HAND.joints].copy(),
        order[RIGHT_HAND.joints].copy(),
    )
    for left, right in BODY_MIRROR_PAIRS:
        order[BODY.start + left], order[BODY.start + right] = BODY.start + right, BODY.start + left
    return order


_ORDER = _mirrored_order()


@TRANSFORMS.register_module()
class SwapHands(SignTransform):
    """Turn a right-handed signer into a left-handed one, in part coordinates.

    The hands change places as they are, for the left hand is stored mirrored; the body's x becomes
    1 - x and its left and right joints change places. Absent joints stay at 0. Belongs after
    :class:`CropSignParts` and before :class:`MotionResidual` and :class:`MotionAwareMasking`.

    Required and modified keys: keypoint [M, T, 49, 2] in part coordinates, keypoint_score
    [M, T, 49].

    Args:
        prob (float): probability of the swap, drawn once a clip.

    Raises:
        ValueError: a bad argument, other than 49 joints, or motion or mask made before.
    """

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = self._fraction("prob", prob)

    def transform(self, results: dict) -> dict:
        keypoint, score = self._sign_clip(results)
        self._must_precede(results, "motion", "frame_mask")
        if np.random.random_sample() >= self.prob:
            return results
        keypoint, score = keypoint[:, :, _ORDER], score[:, :, _ORDER]
        x = keypoint[:, :, BODY.joints, 0]
        keypoint[:, :, BODY.joints, 0] = np.where(score[:, :, BODY.joints] > 0, 1 - x, x)
        results.update(keypoint=keypoint, keypoint_score=score)
        return results
