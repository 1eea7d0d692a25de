"""Small rotations, scalings, shifts and shears of the hands and the body."""

from __future__ import annotations

import numpy as np
from mmaction.registry import TRANSFORMS

from masa_mm.datasets.transforms.base import PART_SIZES, SignTransform
from masa_mm.pose.skeleton import BODY, LEFT_HAND, PARTS

_CROP_CENTER = 0.5
_LEFT = PARTS.index(LEFT_HAND)


@TRANSFORMS.register_module()
class RandomPartAffine(SignTransform):
    """One random affine map a clip and part, in part coordinates, for the joints that are present.

    Hands turn about the centre of their crop, (0.5, 0.5); the body about the mean of its present
    joints over the clip. Each part turns in its own frame, in which the left hand is mirrored.
    With ``shared`` one map is drawn for the whole signer, as if the camera was tilted: the left
    hand then gets its mirror image (opposite rotation, shear and sideways shift). As the body is
    divided by the image's width and height, its map is one of the image squeezed to a square.

    Required and modified key: keypoint [M, T, 49, 2] in part coordinates; keypoint_score
    [M, T, 49] (read). Belongs before :class:`MotionResidual` and :class:`MotionAwareMasking`.

    Args:
        rotation (float): largest angle to either side, in degrees.
        scale (float): largest relative change of size: the factor is drawn from 1 - scale to
            1 + scale.
        shift (float): largest shift in either coordinate, in crop sides (hands) or image sides
            (body).
        shear (float): largest sideways shift a unit of height.
        prob (float): probability, drawn once a clip.
        shared (bool): one map for the whole signer instead of one a part.

    Raises:
        ValueError: a bad argument, other than 49 joints, or motion or mask made before.
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
        keypoint, score = self._sign_clip(results)
        self._must_precede(results, "motion", "frame_mask")
        if np.random.random_sample() >= self.prob:
            return results
        matrix, shift = self._draw()
        present = score > 0
        center = np.full((len(PARTS), 2), _CROP_CENTER)
        body = keypoint[:, :, BODY.joints][present[:, :, BODY.joints]]
        if len(body):
            center[PARTS.index(BODY)] = body.mean(axis=0)
        # A (p - c) + c + s = A p + (c + s - A c), one row a joint
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
        """Matrices [P, 2, 2] and shifts [P, 2] of the parts."""
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
            matrix[_LEFT] *= [[1, -1], [-1, 1]]
            shift[_LEFT] *= [-1, 1]
        return matrix, shift
