"""Fill the gaps that a detector leaves."""

from __future__ import annotations

import numpy as np
from mmaction.registry import TRANSFORMS

from masa_mm.datasets.transforms.base import SignTransform, frame_numbers


@TRANSFORMS.register_module()
class InterpolateJoints(SignTransform):
    """Fill the frames in which a joint was lost from the frames before and after that show it.

    Between two frames that show the joint its place runs linearly, by frame number; before the
    first and after the last it stays where it was. A hand lost for some frames then does not jump
    to nothing and back. Filled joints get a low ``score``: at the default, below the confidence
    from which motion is measured (eps_c = 0.4), they neither select a frame nor are a target.

    Belongs after :class:`KeepHandFrames`, which would else keep frames that only hold a guess.
    Not for masked pretraining: a filled frame tells of its neighbours, which may be masked.

    Required and modified keys: keypoint [M, T, V, C], keypoint_score [M, T, V]; frame_inds (read,
    optional).

    Args:
        max_distance (int): frames from the nearest frame that shows a joint beyond which it stays
            lost.
        score (float): score of a filled joint, above 0.

    Raises:
        ValueError: a bad argument, a clip without frames or sampled with ``num_clips`` > 1, or one
            whose motion or mask is already made.
    """

    def __init__(self, max_distance: int = 10, score: float = 0.3) -> None:
        self.max_distance = self._at_least("max_distance", max_distance, 1)
        self.score = self._positive("score", self._fraction("score", score))

    def transform(self, results: dict) -> dict:
        keypoint, score = self._clip(results)
        self._must_be_one_sample(results)
        self._must_precede(results, "motion", "frame_mask")
        seen = score > 0
        if seen.all():
            return results
        number = frame_numbers(results)
        before, after = _nearest_seen(seen)
        to_before = np.where(before < 0, np.inf, number[:, None] - number[before])
        to_after = np.where(after < 0, np.inf, number[after] - number[:, None])
        filled = ~seen & (np.minimum(to_before, to_after) <= self.max_distance)
        person, frame, joint = np.nonzero(filled)
        ahead, behind = before[filled], after[filled]
        # One-sided gaps hold the one place there is.
        ahead, behind = np.where(ahead < 0, behind, ahead), np.where(behind < 0, ahead, behind)
        span = np.maximum(number[behind] - number[ahead], 1)
        share = np.clip((number[frame] - number[ahead]) / span, 0, 1)[:, None]
        start, end = keypoint[person, ahead, joint], keypoint[person, behind, joint]
        keypoint, score = keypoint.copy(), score.copy()
        keypoint[filled] = start + share.astype(keypoint.dtype) * (end - start)
        score[filled] = self.score
        results.update(keypoint=keypoint, keypoint_score=score)
        return results


def _nearest_seen(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The last frame at or before each frame that shows a joint, and the next; -1 for none.

    Args:
        seen (np.ndarray): bool [M, T, V].
    """
    num_frames = seen.shape[1]
    frame = np.arange(num_frames)[:, None]
    before = np.maximum.accumulate(np.where(seen, frame, -1), axis=1)
    after = np.minimum.accumulate(np.where(seen, frame, num_frames)[:, ::-1], axis=1)[:, ::-1]
    return before, np.where(after == num_frames, -1, after)
