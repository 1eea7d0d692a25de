"""The second view of a clip that semantic alignment compares with the first."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from mmaction.registry import TRANSFORMS
from mmengine.dataset import Compose

from masa_mm.datasets.transforms.base import SignTransform, take_frames
from masa_mm.errors import UserError

# Made from the query view's joints, for the query view's decoder.
_QUERY_ONLY = ("motion", "motion_weight", "frame_mask", "key_view")


@TRANSFORMS.register_module()
class RandomFrameView(SignTransform):
    """A random temporal sample of the clip, in order: MASA's positive view (section III-C).

    Of the T frames that have a joint (score > 0) it keeps max(1, ceil(keep_ratio * T)) and drops
    all others, padding included. A clip without one joint is cut to its first frame.

    Required keys: keypoint [M, T, V, C]; keypoint_score [M, T, V] (optional).
    Modified keys: every per-frame array, frame_inds among them (added where missing), clip_len.

    Args:
        keep_ratio (float): share of the frames that is kept, 1 - alpha_r in the paper.

    Raises:
        ValueError: a bad argument, a clip without frames, or one sampled with ``num_clips`` > 1.
    """

    def __init__(self, keep_ratio: float = 0.5) -> None:
        self.keep_ratio = self._fraction("keep_ratio", keep_ratio)

    def transform(self, results: dict) -> dict:
        _, score = self._clip(results)
        self._must_be_one_sample(results)
        seen = np.flatnonzero((score > 0).any(axis=(0, 2)))
        if not len(seen):
            seen = np.zeros(1, np.int64)
        keep = max(1, math.ceil(self.keep_ratio * len(seen)))
        inds = np.sort(np.random.permutation(seen)[:keep])
        take_frames(results, inds)
        results["clip_len"] = keep
        return results


@TRANSFORMS.register_module()
class AlignmentViews(SignTransform):
    """Derive the key view of semantic alignment from the clip as it stands (MASA, section III-C).

    The clip's arrays are copied, so nothing that happens to one view later reaches the other; what
    was made for the query view's decoder (motion, frame_mask) stays behind. A mask that one of the
    transforms in ``key`` makes is the key view's own: the batch's ``key_frame_mask``.

    Required keys: keypoint, and what the transforms in ``key`` require.
    Added key: key_view (dict, the copy after the transforms in ``key``).

    Args:
        key (sequence of dict | callable): the transforms of the key view, as in a pipeline.

    Raises:
        ValueError: a transform of the key view gave nothing back.
    """

    def __init__(self, key: Sequence) -> None:
        self.key = list(key)
        self._compose = Compose(
            [TRANSFORMS.build(step) if isinstance(step, dict) else step for step in self.key]
        )

    def transform(self, results: dict) -> dict:
        view = {
            name: value.copy() if isinstance(value, np.ndarray) else value
            for name, value in results.items()
            if name not in _QUERY_ONLY
        }
        view = self._compose(view)
        if view is None:
            raise UserError(
                f"{self._where(results)}: a transform of the key view returned None; "
                "it must not drop clips"
            )
        results["key_view"] = view
        return results
