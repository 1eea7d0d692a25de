"""Transforms of the reference preset: what the authors' release does and the paper does not.

Each class equals its parent until one of its own options is set. ``docs/method.md`` compares the
release with the paper; ``configs/_base_/datasets/sign_pretrain_reference.py`` uses these classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from mmaction.registry import TRANSFORMS

from masa_mm.datasets.transforms.base import PART_SIZES, PART_STARTS
from masa_mm.datasets.transforms.layout import CropSignParts
from masa_mm.datasets.transforms.masking import MotionAwareMasking
from masa_mm.datasets.transforms.motion import MotionResidual
from masa_mm.pose import crop


@TRANSFORMS.register_module()
class ReferenceCropSignParts(CropSignParts):
    """Crop the hands by the rules of the release.

    Args:
        *args (Any): Positional arguments of :class:`CropSignParts`.
        clamp (str): ``'joints'`` as in the parent, or ``'image'`` (release): a box ends at the
            image's border even if it then cuts off a visible joint.
        zero_left_above (float, optional): Coordinates of the left hand above this value, in crop
            pixels, become 0; 255 in the release.
        **kwargs (Any): Options of :class:`CropSignParts`. ``fallback`` may also be
            ``'elbow_wrist_50px'``, with the release's margin of 50 pixels.
    """

    FALLBACKS = crop.FALLBACKS
    RULES = (*CropSignParts.RULES, "clamp", "zero_left_above")

    def __init__(
        self,
        *args: Any,
        clamp: str = "joints",
        zero_left_above: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.clamp = self._one_of("clamp", clamp, crop.CLAMPS)
        self.zero_left_above = zero_left_above
        if zero_left_above is not None:
            self._at_least("zero_left_above", zero_left_above, 0)


@TRANSFORMS.register_module()
class ReferenceMotionResidual(MotionResidual):
    """Supervise coordinate by coordinate, and only where the signed motion exceeds a threshold.

    Joints that move left or up are then no targets. ``motion_weight`` gets a coordinate axis,
    [M, T, V, K, C].

    Args:
        *args (Any): Positional arguments of :class:`MotionResidual`.
        signed_thr (float, optional): The threshold in pixels, 3 in the release. None: no threshold.
        **kwargs (Any): Options of :class:`MotionResidual`.
    """

    def __init__(self, *args: Any, signed_thr: float | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.signed_thr = signed_thr
        if signed_thr is not None:
            self._at_least("signed_thr", signed_thr, 0)

    def transform(self, results: dict) -> dict:
        """Add motion and weight to a clip."""
        results = super().transform(results)
        if self.signed_thr is not None:
            above = results["motion"] > self.signed_thr
            results["motion_weight"] = results["motion_weight"][..., None] * above
        return results


@TRANSFORMS.register_module()
class ReferenceMotionAwareMasking(MotionAwareMasking):
    """Mask the parts separately and select them by signed motion.

    Args:
        *args (Any): Positional arguments of :class:`MotionAwareMasking`.
        level (str): ``'frame'``, or ``'part'`` (release): candidates are found and drawn for each
            part separately. Needs the 49 joints.
        signed (bool): Whether a joint moves only if a coordinate grows by more than ``motion_thr``
            (release). Motion to the left or up then selects no frame.
        visible_parts (str): When a frame counts as visible for ``min_visible``: ``'any'``, one of
            its present parts is not masked; ``'all'``, no part is masked, for an encoder that
            ignores frames with any masked part (release).
        **kwargs (Any): Options of :class:`MotionAwareMasking`.
    """

    def __init__(
        self,
        *args: Any,
        level: str = "frame",
        signed: bool = False,
        visible_parts: str = "any",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.level = self._one_of("level", level, ("frame", "part"))
        self.signed = signed
        self.visible_parts = self._one_of("visible_parts", visible_parts, ("any", "all"))

    def transform(self, results: dict) -> dict:
        """Mask a clip."""
        if self.level == "part":
            self._sign_clip(results)
        return super().transform(results)

    def _moves(self, motion: np.ndarray) -> np.ndarray:
        if self.signed:
            return np.any(motion > self.motion_thr / self.pixel_scale, axis=-1)
        return super()._moves(motion)

    def _count_joints(self, joints: np.ndarray) -> np.ndarray:
        if self.level == "frame":
            return super()._count_joints(joints)
        per_part = np.add.reduceat(joints, PART_STARTS, axis=-1, dtype=np.int64)
        return np.moveaxis(per_part.sum(0), -1, 1)

    def _is_visible(self, present: np.ndarray, masked: np.ndarray) -> np.ndarray:
        visible = super()._is_visible(present, masked)
        return visible & ~masked.any(axis=1) if self.visible_parts == "all" else visible

    def _erase(self, results: dict, masked: np.ndarray) -> None:
        if self.level == "part":
            masked = masked.repeat(PART_SIZES, axis=2)
        super()._erase(results, masked)
