"""Geometric augmentation: affine maps of the parts, and mirroring of the signer."""

from __future__ import annotations

import numpy as np
from mmaction.registry import TRANSFORMS

from masa_mm.datasets.transforms.base import PART_SIZES, SignTransform
from masa_mm.pose.skeleton import (
    BODY,
    BODY_MIRROR_PAIRS,
    LEFT_HAND,
    NUM_JOINTS,
    PARTS,
    RIGHT_HAND,
)


@TRANSFORMS.register_module()
class RandomPartAffine(SignTransform):
    """Apply one random affine map per clip and part to the joints that are present.

    Hands rotate about the centre of their crop, (0.5, 0.5), the body about the mean of its present
    joints over the clip. Each part has its own frame of reference, in which the left hand is
    mirrored. With ``shared``, one map is drawn for the whole signer, like a tilted camera: the
    left hand then gets the mirrored map (opposite rotation, shear and horizontal shift). Body
    coordinates are divided by the image's width and height, so the body's map acts on an image
    squeezed to a square.

    Required keys: keypoint [M, T, 49, 2] in part coordinates, keypoint_score [M, T, 49].
    Modified key: keypoint. Place it before :class:`MotionResidual` and
    :class:`MotionAwareMasking`.

    Args:
        rotation (float): Largest angle to either side, in degrees.
        scale (float): The scale factor is drawn from 1 - scale to 1 + scale.
        shift (float): Largest shift per coordinate, in crop sides (hands) or image sides (body).
        shear (float): Largest horizontal shift per unit of height.
        prob (float): Probability, drawn once per clip.
        shared (bool): Whether to draw one map for the whole signer instead of one per part.
    """

    def __init__(
        self,
        rotation: float = 15.0,
        scale: float = 0.1,
        shift: float = 0.02,
        shear: float = 0.0,
        prob: float = 1.0,
        shared: bool = False,
    ) -> None:
        self.rotation = self._at_least("rotation", rotation, 0)
        self.scale = self._fraction("scale", scale)
        self.shift = self._at_least("shift", shift, 0)
        self.shear = self._at_least("shear", shear, 0)
        self.prob = self._fraction("prob", prob)
        self.shared = shared

    def transform(self, results: dict) -> dict:
        """Move the joints of a clip."""
        keypoint, score = self._sign_clip(results)
        self._must_precede(results, "motion", "frame_mask")
        if np.random.random_sample() >= self.prob:
            return results
        matrix, shift = self._draw()
        present = score > 0
        center = np.full((len(PARTS), 2), 0.5)  # of the hands' crops
        body = keypoint[:, :, BODY.joints][present[:, :, BODY.joints]]
        if len(body):
            center[PARTS.index(BODY)] = body.mean(axis=0)
        # A (p - c) + c + s = A p + (c + s - A c), one row per joint
        offset = center + shift - np.einsum("pij,pj->pi", matrix, center)
        matrix, offset = (
            value.astype(np.float32).repeat(PART_SIZES, axis=0) for value in (matrix, offset)
        )
        x, y = keypoint[..., 0], keypoint[..., 1]
        moved = np.empty_like(keypoint)
        for i in range(2):
            moved[..., i] = matrix[:, i, 0] * x + matrix[:, i, 1] * y + offset[:, i]
        results["keypoint"] = moved * present[..., None]
        return results

    def _draw(self) -> tuple[np.ndarray, np.ndarray]:
        """Draw matrices [P, 2, 2] and shifts [P, 2] of the parts."""
        drawn = np.random.uniform(-1, 1, (1 if self.shared else len(PARTS), 5))
        drawn = np.broadcast_to(drawn, (len(PARTS), 5))
        angle = np.deg2rad(self.rotation) * drawn[:, 0]
        factor = 1 + self.scale * drawn[:, 1]
        cos, sin = factor * np.cos(angle), factor * np.sin(angle)
        shear = self.shear * drawn[:, 2]
        # rotation and scale after shear: [[cos, -sin], [sin, cos]] @ [[1, shear], [0, 1]]
        matrix = np.stack([cos, shear * cos - sin, sin, shear * sin + cos], -1).reshape(-1, 2, 2)
        shift = self.shift * drawn[:, 3:]
        if self.shared:
            left = PARTS.index(LEFT_HAND)
            matrix[left] *= [[1, -1], [-1, 1]]
            shift[left] *= [-1, 1]
        return matrix, shift


def _mirrored_order() -> np.ndarray:
    """Each joint's counterpart in the mirror image, int64 [49]."""
    order = np.arange(NUM_JOINTS)
    order[RIGHT_HAND.joints] += LEFT_HAND.start
    order[LEFT_HAND.joints] -= LEFT_HAND.start
    for left, right in BODY_MIRROR_PAIRS:
        order[[BODY.start + left, BODY.start + right]] = BODY.start + right, BODY.start + left
    return order


_MIRRORED_ORDER = _mirrored_order()


@TRANSFORMS.register_module()
class SwapHands(SignTransform):
    """Mirror the signer in part coordinates, which makes a right-handed signer left-handed.

    The hands are swapped unchanged, because the left hand is stored mirrored. The body's x becomes
    1 - x and its left and right joints are swapped. Absent joints stay 0.

    Required and modified keys: keypoint [M, T, 49, 2] in part coordinates, keypoint_score
    [M, T, 49]. Place it after :class:`CropSignParts` and before :class:`MotionResidual` and
    :class:`MotionAwareMasking`.

    Args:
        prob (float): Probability of the swap, drawn once per clip.
    """

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = self._fraction("prob", prob)

    def transform(self, results: dict) -> dict:
        """Mirror a clip."""
        keypoint, score = self._sign_clip(results)
        self._must_precede(results, "motion", "frame_mask")
        if np.random.random_sample() >= self.prob:
            return results
        keypoint, score = keypoint[:, :, _MIRRORED_ORDER], score[:, :, _MIRRORED_ORDER]
        x = keypoint[:, :, BODY.joints, 0]
        keypoint[:, :, BODY.joints, 0] = np.where(score[:, :, BODY.joints] > 0, 1 - x, x)
        results.update(keypoint=keypoint, keypoint_score=score)
        return results
