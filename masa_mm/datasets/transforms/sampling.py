"""Which frames of a clip the network sees."""

from __future__ import annotations

import numpy as np
from mmaction.registry import TRANSFORMS

from masa_mm.datasets.transforms.base import SignTransform, take_frames
from masa_mm.errors import UserError


@TRANSFORMS.register_module()
class SampleSignFrames(SignTransform):
    """Cut one or several clips of ``clip_len`` frames out of a sign.

    MASA trains on a random temporal crop of 32 frames and tests on the central one (section IV-A).
    A sample shows at least one visible joint if any possible sample does: crops that would show
    none are left out of the draw, and the central ones move to the nearest that shows one.

    Required keys: keypoint [M, T, V, C]; keypoint_score [M, T, V] (optional).
    Modified keys: keypoint, keypoint_score, and any other per-frame array there is (motion, ...).
    Added keys: frame_inds (int64 [num_clips * clip_len], original frame numbers, -1 for padding),
    clip_len, frame_interval, num_clips.

    Args:
        clip_len (int): frames of one sample.
        mode (str): ``'random'``, a contiguous crop anywhere; ``'center'``, the central crop;
            ``'uniform'``, one frame from each of ``clip_len`` equal segments.
        num_clips (int): samples a clip, one after another along the frames as in MMAction2.
            With ``'center'`` they are spread evenly from the clip's start to its end, with
            ``'uniform'`` and no jitter each takes its own place within the segments (multi-view
            testing); otherwise each is drawn by itself.
        short (str): a clip with fewer than ``clip_len`` frames is kept whole and, with ``'pad'``,
            followed by zero frames (score 0) up to ``clip_len``; with ``'keep'`` it stays short.
        interval (int): distance in frames of neighbouring frames in a crop. A crop that does not
            fit takes as many frames at this distance as the clip has. Crops only.
        jitter (bool): with ``'uniform'``, a random frame of each segment, else its central one.

    Raises:
        ValueError: a bad argument, or a clip without frames.
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
        self.clip_len = self._at_least("clip_len", clip_len, 1)
        self.mode = self._one_of("mode", mode, ("random", "center", "uniform"))
        self.num_clips = self._at_least("num_clips", num_clips, 1)
        self.short = self._one_of("short", short, ("pad", "keep"))
        self.interval = self._at_least("interval", interval, 1)
        self.jitter = jitter
        if mode == "uniform" and interval != 1:
            raise UserError(f"SampleSignFrames: mode 'uniform' takes no interval, got {interval}")

    def transform(self, results: dict) -> dict:
        _, score = self._clip(results)
        visible = (score > 0).any(axis=(0, 2))
        pick = self._segments if self.mode == "uniform" else self._crops
        inds = pick(visible)
        missing = self.clip_len - inds.shape[1]
        if self.short == "pad" and missing:
            inds = np.pad(inds, ((0, 0), (0, missing)), constant_values=-1)
        take_frames(results, inds.reshape(-1))
        results.update(
            clip_len=inds.shape[1], frame_interval=self.interval, num_clips=self.num_clips
        )
        return results

    def _crops(self, visible: np.ndarray) -> np.ndarray:
        """Positions of contiguous crops, int64 [num_clips, frames], given bool [T]."""
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
            # Whole numbers: one view is the centre, several run from the first start to the last.
            wanted = np.array([last // 2]) if views == 1 else np.arange(views) * last // (views - 1)
            chosen = starts[np.abs(starts - wanted[:, None]).argmin(axis=1)]
        return chosen[:, None] + offsets

    def _segments(self, visible: np.ndarray) -> np.ndarray:
        """Positions of one frame a segment, int64 [num_clips, frames], given bool [T]."""
        total = len(visible)
        length = min(self.clip_len, total)
        bounds = np.arange(length + 1) * total // length
        sizes = np.diff(bounds)
        if self.jitter:
            place = np.random.random_sample((self.num_clips, length))
        else:
            place = (np.arange(self.num_clips)[:, None] + 0.5) / self.num_clips
        inds = bounds[:-1] + (place * sizes).astype(np.int64)
        seen = np.flatnonzero(visible)
        blind = ~visible[inds].any(axis=1)
        if len(seen) and blind.any():
            frame = seen[np.random.randint(len(seen))] if self.jitter else seen[len(seen) // 2]
            inds[blind, np.searchsorted(bounds, frame, side="right") - 1] = frame
        return inds
