"""Packing of a clip's ``results`` for the collate function."""

from __future__ import annotations

import numpy as np
from mmaction.registry import TRANSFORMS

from masa_mm.datasets.transforms.base import SignTransform, frame_numbers, split_views
from masa_mm.datasets.transforms.units import reach
from masa_mm.errors import MissingKeyError, UserError
from masa_mm.pose.skeleton import NUM_JOINTS

_META_KEYS = ("frame_dir", "gloss", "signer", "total_frames")
# Part coordinates reach 1, or a little more after augmentation; pixels reach hundreds.
_FARTHEST = 16
_OPTIONAL_INPUTS = ("motion", "motion_weight", "frame_mask")


@TRANSFORMS.register_module()
class PackSignInputs(SignTransform):
    """Collect a clip's arrays in ``inputs`` and its description in ``meta``.

    Required keys: keypoint [1, num_clips * T, V, 2]; keypoint_score [1, num_clips * T, V].
    Optional keys: frame_inds, motion, motion_weight, frame_mask, key_view, label, clip_id,
    frame_dir, gloss, signer, total_frames.

    Returns a dict of

    - ``inputs``: numpy arrays keypoint [num_clips, 1, T, V, 3] float32 (x, y, score), frame_inds
      [num_clips * T] int64, and if present motion [T, V, K, 2], motion_weight [T, V, K]
      ([T, V, K, 2] from :class:`ReferenceMotionResidual`), frame_mask [T, 3], key_keypoint
      [1, 1, T', V, 3], key_frame_inds [T'], key_frame_mask [T', 3];
    - ``label`` and ``clip_id``: int, -1 if unknown;
    - ``meta``: frame_dir, gloss, signer, total_frames, if known.

    Raises:
        MissingKeyError: If there is no ``keypoint`` or no ``keypoint_score``.
        UserError: If there are several persons, the clip has no frames, or the 49 joints are in
            pixels.
    """

    def transform(self, results: dict) -> dict:
        """Pack a clip."""
        inputs = dict(keypoint=self._joints(results), frame_inds=frame_numbers(results))
        inputs.update((key, results[key][0]) for key in _OPTIONAL_INPUTS if key in results)
        if "key_view" in results:
            view = results["key_view"]
            inputs.update(key_keypoint=self._joints(view), key_frame_inds=frame_numbers(view))
            if "frame_mask" in view:
                inputs["key_frame_mask"] = view["frame_mask"][0]
        return dict(
            inputs=inputs,
            label=int(results.get("label", -1)),
            clip_id=int(results.get("clip_id", -1)),
            meta={key: results[key] for key in _META_KEYS if key in results},
        )

    def _joints(self, results: dict) -> np.ndarray:
        """Join keypoints and scores, float32 [num_clips, 1, T, V, 3]."""
        keypoint, score = self._clip(results)
        if "keypoint_score" not in results:
            raise MissingKeyError(f"{self._where(results)} has no 'keypoint_score'")
        if len(keypoint) != 1:
            raise UserError(
                f"{self._where(results)} has {len(keypoint)} persons, but a sign has 1: keep the "
                "signer's joints only"
            )
        if score.shape[2] == NUM_JOINTS and reach(results, keypoint, score) > _FARTHEST:
            raise UserError(
                f"{self._where(results)} has joints in pixels, but the network takes part "
                "coordinates: place CropSignParts (after SelectSignJoints) before the others"
            )
        joints = np.empty((*score.shape, keypoint.shape[-1] + 1), np.float32)
        joints[..., :-1] = keypoint
        joints[..., -1] = score
        return split_views(joints, results).swapaxes(0, 1)
