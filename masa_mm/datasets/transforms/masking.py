"""Which frames are hidden from the encoder: those that move (MASA, section III-B, algorithm 1)."""

from __future__ import annotations

import numpy as np
from mmaction.registry import TRANSFORMS

from masa_mm.datasets.transforms.base import (
    PART_SIZES,
    PART_STARTS,
    SignTransform,
    random_subset,
    split_views,
)
from masa_mm.pose.skeleton import PARTS


@TRANSFORMS.register_module()
class MotionAwareMasking(SignTransform):
    """Draw the masked frames among those in which most joints move.

    A frame is a candidate where, of its joints confident at both ends of the interval, more than
    the share ``joint_ratio`` move by more than ``motion_thr``. Taking the share of the confident
    joints rather than of all 49 leaves the paper's rule as it is for a complete signer and lets it
    work for a clip without body joints or with one hand, which could otherwise never reach half of
    49. A frame without a confident joint is never a candidate, nor are the last ``interval``
    frames, which have no motion.

    It also serves as augmentation in any MMAction2 skeleton config (``erase=True``,
    ``level='frame'``, ``pixel_scale=1`` for joints in pixels) with any number of joints, two or
    three coordinates and several persons: one mask a clip, from the joints of all together.
    Motion is computed from ``keypoint`` alone; :class:`MotionResidual` need not run. Several views
    (``num_clips``) are masked apart.

    Required keys: keypoint [M, T, V, C]; keypoint_score [M, T, V] (optional, else all present).
    Added key: frame_mask (bool [1, T, 3], True = masked, parts in the order right hand, left hand,
    body; the three are equal with ``level='frame'``).
    Modified keys: keypoint and keypoint_score, with ``erase``.

    Args:
        mask_ratio (float): alpha; ``round(mask_ratio * candidates)`` frames are masked.
        motion_thr (float): eps_m, in pixels (Euclidean length of the motion).
        joint_ratio (float): delta; with 0 one moving joint makes a candidate.
        score_thr (float): eps_c; a joint is confident from this score on. With 0 confidence does
            not matter (the reference code), but a joint must be there.
        interval (int): k, in frames of the clip as it stands.
        level (str): ``'frame'``, all joints of a frame together (the paper); ``'part'``, candidates
            are found and drawn for each part by itself (the reference code); needs 49 joints.
        strategy (str): ``'motion'``, or ``'random'`` (ablation): every frame (part) with a
            confident joint is a candidate.
        pixel_scale (float): pixels a unit of ``keypoint``: 256 for part coordinates, 1 for pixels.
        min_visible (int): frames that stay visible at least, that is, have a part with a joint
            (score > 0) that is not masked (see ``visible_parts``). Where the draw leaves fewer,
            masked frames are made visible again at random; a clip with fewer such frames is not
            masked at all.
        erase (bool): set joints and scores of what is masked to 0.
        signed (bool): a joint moves where one of its coordinates grows by more than ``motion_thr``
            (the reference code): what moves left or up selects no frame.
        visible_parts (str): when a frame counts as visible: ``'any'``, a part that it shows is not
            masked; ``'all'``, none is, for an encoder that bars a frame with any part masked (the
            reference network).

    Raises:
        ValueError: a bad argument, a clip without frames, or parts asked of other than 49 joints.
    """

    def __init__(
        self,
        mask_ratio: float = 0.9,
        motion_thr: float = 5.0,
        joint_ratio: float = 0.5,
        score_thr: float = 0.4,
        interval: int = 3,
        level: str = "frame",
        strategy: str = "motion",
        pixel_scale: float = 256.0,
        min_visible: int = 1,
        erase: bool = False,
        signed: bool = False,
        visible_parts: str = "any",
    ) -> None:
        self.mask_ratio = self._fraction("mask_ratio", mask_ratio)
        self.motion_thr = self._at_least("motion_thr", motion_thr, 0)
        self.joint_ratio = self._fraction("joint_ratio", joint_ratio)
        self.score_thr = self._fraction("score_thr", score_thr)
        self.interval = self._at_least("interval", interval, 1)
        self.level = self._one_of("level", level, ("frame", "part"))
        self.strategy = self._one_of("strategy", strategy, ("motion", "random"))
        self.pixel_scale = self._positive("pixel_scale", pixel_scale)
        self.min_visible = self._at_least("min_visible", min_visible, 1)
        self.erase = erase
        self.signed = signed
        self.visible_parts = self._one_of("visible_parts", visible_parts, ("any", "all"))

    def transform(self, results: dict) -> dict:
        keypoint, score = (self._clip if self.level == "frame" else self._sign_clip)(results)
        keypoint, score = split_views(keypoint, results), split_views(score, results)
        candidates = self._candidates(keypoint, score)
        masked = random_subset(candidates, np.rint(self.mask_ratio * candidates.sum(-1)))
        present = self._count_joints(score > 0) > 0
        masked &= ~self._reopened(present, masked)[:, None]
        # [views, parts, T] -> [1, views * T, parts]
        masked = np.moveaxis(masked, 1, 2).reshape(1, -1, masked.shape[1])
        results["frame_mask"] = masked.repeat(len(PARTS) // masked.shape[2], axis=2)
        if self.erase:
            self._erase(results)
        return results

    def _candidates(self, keypoint: np.ndarray, score: np.ndarray) -> np.ndarray:
        """bool [views, parts, T] from [M, views, T, V, C] and [M, views, T, V]."""
        sure = (score > 0) & (score >= self.score_thr)
        if self.strategy == "random":
            return self._count_joints(sure) > 0
        here, there = slice(-self.interval), slice(self.interval, None)
        confident = sure[..., here, :] & sure[..., there, :]
        ahead, now = keypoint[..., there, :, :], keypoint[..., here, :, :]
        moving = confident & self._moves(np.subtract(ahead, now, dtype=np.float32))
        most = self._count_joints(moving) > self.joint_ratio * self._count_joints(confident)
        candidates = np.zeros((*most.shape[:2], score.shape[-2]), bool)
        candidates[..., here] = most
        return candidates

    def _moves(self, motion: np.ndarray) -> np.ndarray:
        """bool [..., V] from motion [..., V, C], which it may overwrite."""
        least = self.motion_thr / self.pixel_scale
        if self.signed:
            return (motion > least).any(-1)
        np.square(motion, out=motion)
        # By coordinate: numpy sums over so short an axis at a seventh of the speed.
        return sum(motion[..., axis] for axis in range(motion.shape[-1])) > least**2

    def _count_joints(self, joints: np.ndarray) -> np.ndarray:
        """Trues a part, int [views, parts, T] (one part at frame level), of [M, views, T, V]."""
        if self.level == "frame":
            return joints.sum(-1).sum(0)[:, None]
        per_part = np.add.reduceat(joints, PART_STARTS, axis=-1, dtype=np.int64)
        return np.moveaxis(per_part.sum(0), -1, 1)

    def _reopened(self, present: np.ndarray, masked: np.ndarray) -> np.ndarray:
        """Frames to make visible again so that ``min_visible`` are, bool [views, T]."""
        visible = (present & ~masked).any(axis=1)
        if self.visible_parts == "all":
            visible &= ~masked.any(axis=1)
        hidden = present.any(axis=1) & ~visible
        lacking = self.min_visible - visible.sum(-1)
        if not (lacking > 0).any():
            return np.zeros_like(hidden)
        return random_subset(hidden, lacking)

    def _erase(self, results: dict) -> None:
        if self.level == "part":
            masked = results["frame_mask"].repeat(PART_SIZES, axis=2)
        else:
            masked = results["frame_mask"][..., :1]
        for key, erased in (("keypoint", masked[..., None]), ("keypoint_score", masked)):
            if key in results:
                results[key] = np.where(erased, results[key].dtype.type(0), results[key])
