"""Tracking that stands still or jumps."""

from __future__ import annotations

from typing import Any

import numpy as np

from masa_mm.pose.skeleton import PARTS, SIGN49_JOINTS
from masa_mm.preparation.audit.clips import AuditClips, Chunk

# A fifth of the crop's (the body's: the image's) side, 51 crop pixels: on WLASL-hands the way of
# one joint in a thousandth of all steps, and less than any two fingers' distance in an open hand.
JUMP = 0.2
# A part stands still in a clip if at least half of its steps, and of at least this many, repeat.
MIN_STEPS = 8
FROZEN_SHARE = 0.5


def frozen_and_jumping(clips: AuditClips, num_worst: int = 20) -> dict[str, Any]:
    """Steps from frame to frame in which a part repeats itself, and joints that jump.

    A *step* is a frame and its successor in one clip with the joint present in both.

    - A part *repeats* in a step if all its joints present in both frames keep their stored place
      exactly: an estimator or a video that shows the last frame again.
    - A part is *frozen* in a clip if it repeats in half of its steps or more, of at least 8.
    - A joint *jumps* in a frame if it lies more than 0.2 of the crop's side (of the body: of the
      image's) from its places in the frame before and in the frame after, which are less than half
      of that apart: it left and came back, as tracking errors do and hands do not in two frames.

    Returns:
        ``parts``: for each the number of ``steps``, the share that ``repeat``, ``frozen`` (clips),
        and ``jumps`` (share of the frames between two others in which one of its joints jumps).
        ``joints``: joint name -> share of its frames in which it jumps. ``frozen`` and ``jumping``:
        the clips with most of either, with ``part`` and ``share``, or ``jumps`` (frames).
    """
    tallies = {part.name: _Tally(len(clips)) for part in PARTS}
    jumped, could_jump = np.zeros(len(SIGN49_JOINTS), np.int64), np.zeros(len(SIGN49_JOINTS), int)
    for chunk in clips.chunks():
        way, both = _steps(chunk)
        jump, between = _jumps(chunk, way, both)
        jumped += jump.sum(0)
        could_jump += between.sum(0)
        for part in PARTS:
            joints = part.joints
            tallies[part.name].add(
                chunk, way[:, joints], both[:, joints], jump[:, joints], between[:, joints]
            )
    share = jumped / np.maximum(could_jump, 1)
    return dict(
        parts={name: tally.result() for name, tally in tallies.items()},
        joints=dict(zip(SIGN49_JOINTS, share.tolist())),
        frozen=_most_frozen(clips, tallies, num_worst),
        jumping=_most_jumping(clips, tallies, num_worst),
    )


def _steps(chunk: Chunk) -> tuple[np.ndarray, np.ndarray]:
    """Each joint's way to the next frame [frames - 1, 49], and whether both frames have it."""
    way = np.linalg.norm(np.diff(chunk.keypoint, axis=0), axis=-1)
    present = chunk.score > 0
    return way, present[1:] & present[:-1] & chunk.continues[:, None]


def _jumps(chunk: Chunk, way: np.ndarray, both: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which joints jump in the inner frames [frames - 2, 49], and which could."""
    between = both[1:] & both[:-1]
    far = between & (way[1:] > JUMP) & (way[:-1] > JUMP)
    back = np.zeros_like(far)
    frame, joint = np.nonzero(far)
    gap = chunk.keypoint[frame + 2, joint] - chunk.keypoint[frame, joint]
    back[frame, joint] = np.linalg.norm(gap, axis=-1) < JUMP / 2
    return back, between


class _Tally:
    """One part's steps and jumps in each clip."""

    def __init__(self, num_clips: int) -> None:
        self.steps, self.repeats, self.inner, self.jumps = np.zeros((4, num_clips), np.int64)

    def add(
        self,
        chunk: Chunk,
        way: np.ndarray,
        both: np.ndarray,
        jump: np.ndarray,
        between: np.ndarray,
    ) -> None:
        step = both.any(1)
        repeat = step & ((way == 0) | ~both).all(1)
        counts = (self.steps, step), (self.repeats, repeat)
        counts += (self.inner, between.any(1)), (self.jumps, jump.any(1))
        for total, frames in counts:
            # The last frames start no step; steps across clips are none.
            padded = np.zeros(len(chunk.keypoint), bool)
            padded[: len(frames)] = frames
            total[chunk.clips] = chunk.sum(padded)

    @property
    def share(self) -> np.ndarray:
        """Share of each clip's steps that repeat; 0 for too few steps."""
        enough = self.steps >= MIN_STEPS
        return np.where(enough, self.repeats / np.maximum(self.steps, 1), 0)

    def result(self) -> dict[str, Any]:
        return dict(
            steps=int(self.steps.sum()),
            repeat=float(self.repeats.sum() / max(self.steps.sum(), 1)),
            frozen=int((self.share >= FROZEN_SHARE).sum()),
            jumps=float(self.jumps.sum() / max(self.inner.sum(), 1)),
        )


def _most_frozen(clips: AuditClips, tallies: dict[str, _Tally], number: int) -> list[dict]:
    found = [
        (float(tally.share[n]), name, n)
        for name, tally in tallies.items()
        for n in np.flatnonzero(tally.share >= FROZEN_SHARE).tolist()
    ]
    found.sort(key=lambda entry: -entry[0])
    return [clips.describe(n) | dict(part=name, share=share) for share, name, n in found[:number]]


def _most_jumping(clips: AuditClips, tallies: dict[str, _Tally], number: int) -> list[dict]:
    jumps = np.sum([tally.jumps for tally in tallies.values()], axis=0)
    most = np.argsort(-jumps, kind="stable")[:number]
    return [clips.describe(n) | dict(jumps=int(jumps[n])) for n in most.tolist() if jumps[n]]
