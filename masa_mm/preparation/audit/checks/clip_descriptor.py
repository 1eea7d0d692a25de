"""A vector of each clip that neither the video's frame rate nor its framing changes.

1. The clip is cut to the frames from its first to its last with a hand, and read at 16 evenly
   spread times, linearly between frames; a joint absent in one of the two is read in the other.
2. Each hand, each time: its joints minus their mean, divided by their root mean square distance
   from it. The body, over all times: minus its mean, divided by its root mean square (at least
   0.002 of the image). Absent joints are 0, the mean.
3. Each part divided by the square root of its number of joints, so that two wrists count as much
   as 21 joints of a hand; then the whole vector divided by its length.
"""

from __future__ import annotations

import numpy as np

from masa_mm.pose.skeleton import BODY, PARTS
from masa_mm.preparation.audit.clips import AuditClips, Chunk

NUM_TIMES = 16
# A body at rest moves by what float16 rounds; a larger number would make all still signs alike.
_LEAST_BODY = 0.002


def describe_clips(clips: AuditClips) -> np.ndarray:
    """The descriptors, float32 [clips, 16 * 49 * 2]; 0 for a clip without a hand."""
    return np.concatenate([_describe(chunk) for chunk in clips.chunks()])


def _describe(chunk: Chunk) -> np.ndarray:
    keypoint, present = _read_at_times(chunk)
    parts = []
    for part in PARTS:
        joints, seen = keypoint[:, :, part.joints], present[:, :, part.joints]
        joints = _standardized(joints, seen, *(((1, 2), _LEAST_BODY) if part is BODY else (2, 0)))
        count = np.maximum(seen.any(1).sum(1), 1)
        parts.append((joints / np.sqrt(count)[:, None, None, None]).reshape(len(joints), -1))
    descriptor = np.concatenate(parts, 1)
    length = np.linalg.norm(descriptor, axis=1, keepdims=True)
    return (descriptor / np.maximum(length, 1e-9)).astype(np.float32)


def _read_at_times(chunk: Chunk) -> tuple[np.ndarray, np.ndarray]:
    """Joints [clips, 16, 49, 2] between the first and the last frame with a hand, and presence."""
    frames = np.arange(len(chunk.keypoint))
    hand = (chunk.score[:, : BODY.start] > 0).any(1)
    # A clip without a hand is read as a whole; it is told apart afterwards.
    hand |= np.repeat(chunk.sum(hand) == 0, chunk.num_frames)
    first = np.minimum.reduceat(np.where(hand, frames, len(frames)), chunk.start)
    last = np.maximum.reduceat(np.where(hand, frames, -1), chunk.start)
    time = first[:, None] + (last - first)[:, None] * np.linspace(0, 1, NUM_TIMES)
    before = np.floor(time).astype(int)
    after = np.minimum(before + 1, last[:, None])
    share = (time - before).astype(np.float32)[..., None]
    early = (1 - share) * (chunk.score[before] > 0)
    late = share * (chunk.score[after] > 0)
    total = early + late
    joints = early[..., None] * chunk.keypoint[before] + late[..., None] * chunk.keypoint[after]
    joints /= np.maximum(total, 1e-6)[..., None]
    present = total > 0
    without_hand = ~present[..., : BODY.start].any((1, 2))
    present[without_hand] = False
    return joints, present


def _standardized(
    joints: np.ndarray, seen: np.ndarray, axes: int | tuple[int, ...], least: float
) -> np.ndarray:
    """Joints [n, 16, V, 2] minus their mean over axes, by their root mean square; absent are 0."""
    count = np.maximum(seen.sum(axes, keepdims=True), 1)[..., None]
    joints = joints * seen[..., None]
    joints = (joints - joints.sum(axes, keepdims=True) / count) * seen[..., None]
    square = (joints**2).sum(-1, keepdims=True).sum(axes, keepdims=True) / count
    return joints / np.maximum(np.sqrt(square), max(least, 1e-6))
