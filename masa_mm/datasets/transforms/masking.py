"""Motion-aware masking of frames (MASA, section III-B, algorithm 1)."""

from __future__ import annotations

import logging

import numpy as np
from mmaction.registry import TRANSFORMS
from mmengine.logging import print_log

from masa_mm.datasets.transforms.base import SignTransform, random_subset, split_views
from masa_mm.datasets.transforms.units import WIDEST, reach
from masa_mm.deprecation import moved_options
from masa_mm.errors import UserError
from masa_mm.pose.skeleton import PARTS

# Clips with motion, and none of them masked, after which a process warns.
PATIENCE = 100


@TRANSFORMS.register_module()
@moved_options(TRANSFORMS, "ReferenceMotionAwareMasking", "level", "signed", "visible_parts")
class MotionAwareMasking(SignTransform):
    """Mask frames at random among those in which most joints move.

    A frame is a candidate if, of its joints that are confident at both ends of the interval, more
    than the share ``joint_ratio`` moves by more than ``motion_thr``. For a complete signer this is
    the paper's rule. Because the share is of the confident joints, not of all 49, clips without
    body joints or with one hand can also be masked. Frames without a confident joint and the last
    ``interval`` frames, which have no motion, are never candidates.

    With ``erase=True`` it is also an augmentation for MMAction2 skeleton configs, with any number
    of joints, two or three coordinates and several persons, whose joints are counted together. Set
    ``pixel_scale=1`` for joints in pixels and place it before ``PreNormalize2D``. A clip whose
    coordinates cannot be in the unit that ``pixel_scale`` says is refused. If joints move, but none
    of the first 100 clips of a process gets a mask, the log says so once. Motion is computed from
    ``keypoint``; :class:`MotionResidual` is not needed. Several views (``num_clips``) are masked
    separately.

    Required keys: keypoint [M, T, V, C]; keypoint_score [M, T, V] (optional, else all present).
    Added key: frame_mask (bool [1, T, 3], True = masked; one entry per part, here all equal).
    Modified keys: keypoint and keypoint_score, with ``erase``.

    Args:
        mask_ratio (float): alpha; ``round(mask_ratio * candidates)`` frames are masked.
        motion_thr (float): eps_m, in pixels (Euclidean length of the motion).
        joint_ratio (float): delta; with 0, one moving joint makes a candidate.
        score_thr (float): eps_c; a joint is confident from this score on. With 0, every present
            joint is confident.
        interval (int): k, in frames of the current clip.
        strategy (str): ``'motion'``, or ``'random'`` (ablation): every frame with a confident joint
            is a candidate.
        pixel_scale (float): Pixels per unit of ``keypoint``: 256 for part coordinates, 1 for
            pixels.
        min_visible (int): Smallest number of frames with joints that stay visible. If fewer
            remain, masked frames become visible again at random. Clips with fewer such frames are
            not masked.
        erase (bool): Whether to set masked joints and scores to 0.

    Raises:
        UserError: If the coordinates are features of ``GenSkeFeat``, normalised although
            ``pixel_scale`` is that of pixels, or pixels although it is that of part coordinates.
    """

    def __init__(
        self,
        mask_ratio: float = 0.9,
        motion_thr: float = 5.0,
        joint_ratio: float = 0.5,
        score_thr: float = 0.4,
        interval: int = 3,
        strategy: str = "motion",
        pixel_scale: float = 256.0,
        min_visible: int = 1,
        erase: bool = False,
    ) -> None:
        self.mask_ratio = self._fraction("mask_ratio", mask_ratio)
        self.motion_thr = self._at_least("motion_thr", motion_thr, 0)
        self.joint_ratio = self._fraction("joint_ratio", joint_ratio)
        self.score_thr = self._fraction("score_thr", score_thr)
        self.interval = self._count("interval", interval)
        self.strategy = self._one_of("strategy", strategy, ("motion", "random"))
        self.pixel_scale = self._positive("pixel_scale", pixel_scale)
        self.min_visible = self._count("min_visible", min_visible)
        self.erase = erase
        self._idle_clips: int | None = 0  # in a row from the first; None once one had a mask

    def transform(self, results: dict) -> dict:
        """Mask a clip."""
        keypoint, score = self._clip(results)
        self._check_units(results, keypoint, score)
        keypoint, score = split_views(keypoint, results), split_views(score, results)
        candidates = self._candidates(keypoint, score)
        masked = random_subset(candidates, np.rint(self.mask_ratio * candidates.sum(-1)))
        present = self._count_joints(score > 0) > 0
        masked &= ~self._made_visible(present, masked)[:, None]
        # [views, groups, T] -> [1, views * T, groups]
        masked = np.moveaxis(masked, 1, 2).reshape(1, -1, masked.shape[1])
        self._warn_if_idle(keypoint, score, masked)
        if self.erase:
            self._erase(results, masked)
        results["frame_mask"] = masked.repeat(len(PARTS) // masked.shape[2], axis=2)
        return results

    def _check_units(self, results: dict, keypoint: np.ndarray, score: np.ndarray) -> None:
        """Refuse coordinates that ``pixel_scale`` cannot convert to pixels."""
        if self.strategy == "random":
            return
        if keypoint.shape[-1] not in (2, 3):
            raise UserError(
                f"{self._where(results)} has {keypoint.shape[-1]} coordinates a joint, needs 2 or "
                f"3: place {type(self).__name__} before GenSkeFeat"
            )
        extent = reach(results, keypoint, score, self.score_thr)
        pixels = extent * self.pixel_scale
        if 0 < pixels < 2 * self.motion_thr:
            remedy = (
                f"too few for motion_thr={self.motion_thr:g}. If the joints were normalised, place "
                f"{type(self).__name__} before PreNormalize2D, or set pixel_scale to the pixels of "
                "a unit (256 for part coordinates), or give motion_thr in their unit (metres after "
                "PreNormalize3D)"
            )
        elif pixels > WIDEST:
            remedy = "more than any video has. If the joints are in pixels, set pixel_scale=1"
        else:
            return
        raise UserError(
            f"{self._where(results)} has coordinates up to {extent:.3g}, which pixel_scale="
            f"{self.pixel_scale:g} makes {pixels:.3g} pixels, {remedy}"
        )

    def _warn_if_idle(self, keypoint: np.ndarray, score: np.ndarray, masked: np.ndarray) -> None:
        """Warn once if many clips of this process had motion and none had a mask."""
        if self._idle_clips is None or not self.mask_ratio:
            return
        if masked.any():
            self._idle_clips = None
            return
        present = (score[..., self.interval :, :] > 0) & (score[..., : -self.interval, :] > 0)
        moved = keypoint[..., self.interval :, :, :] != keypoint[..., : -self.interval, :, :]
        self._idle_clips += bool((moved.any(-1) & present).any())
        if self._idle_clips == PATIENCE:
            self._idle_clips = None
            print_log(
                f"{self} masked no frame of the first {PATIENCE} clips, though their joints move: "
                "lower motion_thr or joint_ratio, or correct pixel_scale",
                logger="current",
                level=logging.WARNING,
            )

    def _candidates(self, keypoint: np.ndarray, score: np.ndarray) -> np.ndarray:
        """Find candidates, bool [views, groups, T], of [M, views, T, V, C] and [M, views, T, V]."""
        confident = (score > 0) & (score >= self.score_thr)
        if self.strategy == "random":
            return self._count_joints(confident) > 0
        start, end = slice(-self.interval), slice(self.interval, None)
        confident = confident[..., start, :] & confident[..., end, :]
        motion = np.subtract(keypoint[..., end, :, :], keypoint[..., start, :, :], dtype=np.float32)
        moving = self._count_joints(confident & self._moves(motion))
        enough = moving > self.joint_ratio * self._count_joints(confident)
        candidates = np.zeros((*enough.shape[:2], score.shape[-2]), bool)
        candidates[..., start] = enough
        return candidates

    def _moves(self, motion: np.ndarray) -> np.ndarray:
        """Return which joints move, bool [..., V], from ``motion`` [..., V, C] (overwritten)."""
        np.square(motion, out=motion)
        # Add coordinate by coordinate: sum() over so short an axis is seven times slower.
        square = motion[..., 0]
        for axis in range(1, motion.shape[-1]):
            square = square + motion[..., axis]
        return square > (self.motion_thr / self.pixel_scale) ** 2

    def _count_joints(self, joints: np.ndarray) -> np.ndarray:
        """Count joints by groups that are masked together, here one: [views, groups, T]."""
        return joints.sum(-1).sum(0)[:, None]

    def _is_visible(self, present: np.ndarray, masked: np.ndarray) -> np.ndarray:
        """Return which frames are visible, bool [views, T], of bool [views, groups, T]."""
        return (present & ~masked).any(axis=1)

    def _made_visible(self, present: np.ndarray, masked: np.ndarray) -> np.ndarray:
        """Choose the frames that become visible again to reach ``min_visible``, [views, T]."""
        visible = self._is_visible(present, masked)
        hidden = present.any(axis=1) & ~visible
        missing = self.min_visible - visible.sum(-1)
        if not (missing > 0).any():
            return np.zeros_like(hidden)
        return random_subset(hidden, missing)

    def _erase(self, results: dict, masked: np.ndarray) -> None:
        """Set joints and scores to 0 where ``masked`` [1, T, 1 or V] is True."""
        for key, mask in (("keypoint", masked[..., None]), ("keypoint_score", masked)):
            if key in results:
                results[key] = np.where(mask, results[key].dtype.type(0), results[key])
