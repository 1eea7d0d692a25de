"""Leave out the frames in which there is nothing to read."""

from __future__ import annotations

import numpy as np
from mmaction.registry import TRANSFORMS

from masa_mm.datasets.transforms.base import SignTransform, take_frames
from masa_mm.pose.skeleton import LEFT_HAND, RIGHT_HAND


@TRANSFORMS.register_module()
class KeepHandFrames(SignTransform):
    """Drop frames without a visible hand: rest around the sign, and what the detector missed.

    On WLASL a third of the frames show no hand, nearly all of them before the hands come up or
    after they went down; a fixed number of frames sampled from all of them spends a third on
    nothing, and where the sign begins and ends differs from clip to clip. The authors' frame list
    is built likewise. A clip without any hand is left as it is. ``frame_inds`` keeps the original
    frame numbers. Belongs before :class:`SampleSignFrames`.

    Required keys: keypoint [M, T, 49, 2]; keypoint_score [M, T, 49].
    Modified keys: every per-frame array, total_frames, frame_inds (added where missing).

    Args:
        min_joints (int): joints a hand must show to count.

    Raises:
        ValueError: a bad argument, other than 49 joints, or a clip sampled with ``num_clips`` > 1.
    """

    def __init__(self, min_joints: int = 1) -> None:
        self.min_joints = self._at_least("min_joints", min_joints, 1)

    def transform(self, results: dict) -> dict:
        _, score = self._sign_clip(results)
        self._must_be_one_sample(results)
        shown = np.stack(
            [(score[..., hand.joints] > 0).sum(-1) for hand in (RIGHT_HAND, LEFT_HAND)]
        )
        kept = np.flatnonzero((shown >= self.min_joints).any(axis=(0, 1)))
        if len(kept):
            take_frames(results, kept)
            results["total_frames"] = len(kept)
        return results
