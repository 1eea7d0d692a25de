"""The key view of a clip for semantic alignment (MASA, section III-C)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from mmaction.registry import TRANSFORMS
from mmengine.dataset import Compose

from masa_mm.datasets.transforms.base import SignTransform, take_frames
from masa_mm.errors import UserError

# Made from the query view's joints for its decoder.
_QUERY_ONLY = ("motion", "motion_weight", "frame_mask", "key_view")


@TRANSFORMS.register_module()
class RandomFrameView(SignTransform):
    """Keep a random subset of the frames in order: MASA's positive view (section III-C).

    Of the T frames with a joint (score > 0), max(1, ceil(keep_ratio * T)) are kept; all other
    frames, including padding, are dropped. A clip without joints keeps its first frame.

    Required keys: keypoint [M, T, V, C]; keypoint_score [M, T, V] (optional).
    Modified keys: every per-frame array, frame_inds (added if missing), clip_len.

    Args:
        keep_ratio (float): Share of the frames that is kept, 1 - alpha_r in the paper.
    """

    def __init__(self, keep_ratio: float = 0.5) -> None:
        self.keep_ratio = self._fraction("keep_ratio", keep_ratio)

    def transform(self, results: dict) -> dict:
        """Drop frames of a clip."""
        _, score = self._clip(results)
        self._must_be_one_sample(results)
        visible = np.flatnonzero((score > 0).any(axis=(0, 2)))
        if not len(visible):
            visible = np.zeros(1, np.int64)
        keep = max(1, math.ceil(self.keep_ratio * len(visible)))
        inds = np.sort(np.random.permutation(visible)[:keep])
        take_frames(results, inds)
        results["clip_len"] = keep
        return results


@TRANSFORMS.register_module()
class AlignmentViews(SignTransform):
    """Make the key view of semantic alignment from the current clip (MASA, section III-C).

    The clip's arrays are copied, so later changes to one view do not affect the other. The query
    view's decoder arrays (motion, frame_mask) are not copied. A mask made by a transform in ``key``
    belongs to the key view; it becomes ``key_frame_mask`` in the batch.

    Required keys: keypoint, and those that the transforms in ``key`` require.
    Added key: key_view (dict, the copy after the transforms in ``key``).

    Args:
        key (Sequence[dict | Callable]): Transforms of the key view, as in a pipeline.
    """

    def __init__(self, key: Sequence) -> None:
        self.key = list(key)
        self._compose = Compose(
            [TRANSFORMS.build(step) if isinstance(step, dict) else step for step in self.key]
        )

    def transform(self, results: dict) -> dict:
        """Add the key view to a clip."""
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
