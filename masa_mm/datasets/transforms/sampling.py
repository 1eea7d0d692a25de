"""Selection of the frames that the network sees, in the query view and in the key view."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from mmaction.registry import TRANSFORMS
from mmengine.dataset import Compose

from masa_mm.datasets.transforms.base import SignTransform, take_frames
from masa_mm.errors import UserError
from masa_mm.pose.skeleton import LEFT_HAND, RIGHT_HAND

# Made from the query view's joints for its decoder.
_QUERY_ONLY = ("motion", "motion_weight", "frame_mask", "key_view")


@TRANSFORMS.register_module()
class KeepHandFrames(SignTransform):
    """Drop frames without a visible hand: rest before and after the sign, and missed detections.

    On WLASL a third of the frames show no hand, nearly all of them before or after the sign, and
    their number differs from clip to clip. The authors' frame list is built in the same way. A clip
    without any hand stays unchanged. ``frame_inds`` keeps the original frame numbers. Place it
    before :class:`SampleSignFrames`.

    Required keys: keypoint [M, T, 49, 2]; keypoint_score [M, T, 49].
    Modified keys: every per-frame array, total_frames, frame_inds (added if missing).

    Args:
        min_joints (int): Visible joints that a hand needs to count.
    """

    def __init__(self, min_joints: int = 1) -> None:
        self.min_joints = self._count("min_joints", min_joints)

    def transform(self, results: dict) -> dict:
        """Drop frames of a clip."""
        _, score = self._sign_clip(results)
        self._must_be_one_sample(results)
        visible = np.stack(
            [(score[..., hand.joints] > 0).sum(-1) for hand in (RIGHT_HAND, LEFT_HAND)]
        )
        kept = np.flatnonzero((visible >= self.min_joints).any(axis=(0, 1)))
        if len(kept):
            take_frames(results, kept)
            results["total_frames"] = len(kept)
        return results


@TRANSFORMS.register_module()
class SampleSignFrames(SignTransform):
    """Sample one or several clips of ``clip_len`` frames from a sign.

    MASA trains on a random temporal crop of 32 frames and tests on the central one (section IV-A).
    A sample shows at least one visible joint if any possible sample does: crops without one are
    not drawn, and central crops move to the nearest that shows one.

    Required keys: keypoint [M, T, V, C]; keypoint_score [M, T, V] (optional).
    Modified keys: every per-frame array (keypoint, keypoint_score, motion, ...).
    Added keys: frame_inds (int64 [num_clips * clip_len], original frame numbers, -1 for padding),
    clip_len, frame_interval, num_clips.

    Args:
        clip_len (int): Frames of one sample.
        mode (str): ``'random'``, a contiguous crop anywhere; ``'center'``, the central crop;
            ``'uniform'``, one frame from each of ``clip_len`` equal segments.
        num_clips (int): Samples per clip, concatenated along the frames as in MMAction2. With
            ``'center'`` they are spread evenly from the clip's start to its end; with ``'uniform'``
            and no jitter each uses another position in the segments (multi-view testing);
            otherwise they are drawn independently.
        short (str): How to sample a clip of fewer than ``clip_len`` frames. Both keep all its
            frames; ``'pad'`` appends zero frames (score 0) up to ``clip_len``, ``'keep'`` does not.
        interval (int): Distance in frames between neighbouring frames of a crop. A clip that is too
            short gives as many frames as fit at this distance. Not for ``'uniform'``.
        jitter (bool): With ``'uniform'``, take a random frame of each segment instead of the
            central one.
    """

    def __init__(
        self,
        clip_len: int,
        mode: str = "random",
        num_clips: int = 1,
        short: str = "pad",
        interval: int = 1,
        jitter: bool = True,
    ) -> None:
        self.clip_len = self._count("clip_len", clip_len)
        self.mode = self._one_of("mode", mode, ("random", "center", "uniform"))
        self.num_clips = self._count("num_clips", num_clips)
        self.short = self._one_of("short", short, ("pad", "keep"))
        self.interval = self._count("interval", interval)
        self.jitter = jitter
        if mode == "uniform" and interval != 1:
            raise UserError(f"SampleSignFrames: mode 'uniform' takes no interval, got {interval}")

    def transform(self, results: dict) -> dict:
        """Sample frames of a clip."""
        _, score = self._clip(results)
        visible = np.any(score > 0, axis=(0, 2))
        inds = self._segments(visible) if self.mode == "uniform" else self._crops(visible)
        missing = self.clip_len - inds.shape[1]
        if self.short == "pad" and missing:
            inds = np.pad(inds, ((0, 0), (0, missing)), constant_values=-1)
        take_frames(results, inds.reshape(-1))
        results.update(
            clip_len=inds.shape[1], frame_interval=self.interval, num_clips=self.num_clips
        )
        return results

    def _crops(self, visible: np.ndarray) -> np.ndarray:
        """Choose contiguous crops: positions int64 [num_clips, frames], given bool [T]."""
        total = len(visible)
        length = min(self.clip_len, (total - 1) // self.interval + 1)
        offsets = self.interval * np.arange(length)
        starts = np.arange(total - offsets[-1])
        shows_joint = visible[starts[:, None] + offsets].any(axis=1)
        if shows_joint.any():
            starts = starts[shows_joint]
        if self.mode == "random":
            chosen = starts[np.random.randint(len(starts), size=self.num_clips)]
        else:
            last = total - 1 - offsets[-1]
            views = self.num_clips
            ideal = np.array([last // 2]) if views == 1 else np.arange(views) * last // (views - 1)
            chosen = starts[np.abs(starts - ideal[:, None]).argmin(axis=1)]
        return chosen[:, None] + offsets

    def _segments(self, visible: np.ndarray) -> np.ndarray:
        """Choose one frame per segment: positions int64 [num_clips, frames], given bool [T]."""
        total = len(visible)
        length = min(self.clip_len, total)
        bounds = np.arange(length + 1) * total // length
        sizes = np.diff(bounds)
        if self.jitter:
            position = np.random.random_sample((self.num_clips, length))
        else:
            position = (np.arange(self.num_clips)[:, None] + 0.5) / self.num_clips
        inds = bounds[:-1] + (position * sizes).astype(np.int64)
        shown = np.flatnonzero(visible)
        empty = ~visible[inds].any(axis=1)
        if len(shown) and empty.any():
            frame = shown[np.random.randint(len(shown))] if self.jitter else shown[len(shown) // 2]
            inds[empty, np.searchsorted(bounds, frame, side="right") - 1] = frame
        return inds


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
