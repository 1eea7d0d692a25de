"""Descriptors of clips, whose distances tell which pairs are worth comparing frame by frame.

The descriptor of a clip does not depend on the frame rate or on the framing of the video:

1. Cut the clip to the frames from the first to the last with a hand and sample it at 16 evenly
   spread times, interpolating linearly between frames. A joint absent in one of two frames is read
   from the other.
2. Subtract the mean of each hand at each time and divide by the root mean square distance from it.
   Standardise the body likewise, but over all times, and divide by at least 0.002 of the image.
   Absent joints are 0, which is the mean.
3. Divide each part by the square root of its number of joints, so that two wrists have the weight
   of the 21 joints of a hand. Normalise the whole vector to length 1.

The distance of two clips is that of their descriptors: 0 for one recording, sqrt(2) for poses that
have nothing in common.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from masa_mm.pose.skeleton import BODY, PARTS
from masa_mm.preparation.audit.clips import AuditClips, Chunk

# Rows of the distance matrix in memory at a time; a row takes 4 bytes for each clip.
_BLOCK = 256
NUM_TIMES = 16
# Rounding to float16 moves a body at rest; without a minimum it would be scaled up to full size.
_MIN_BODY_SCALE = 0.002

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]


def close_pairs(descriptor: np.ndarray, up_to: float) -> Iterator[Pairs]:
    """Yield pairs i < j up to a distance, block by block: i, j and the distance."""
    least_cosine = 1 - up_to**2 / 2
    for start in range(0, len(descriptor), _BLOCK):
        cosine = descriptor[start : start + _BLOCK] @ descriptor[start:].T
        i, j = np.nonzero(cosine > least_cosine)
        i, j = i[i < j], j[i < j]
        distance = np.sqrt(np.maximum(2 - 2 * cosine[i, j], 0))
        yield i + start, j + start, distance


def closest_pairs(descriptor: np.ndarray, up_to: float, count: int) -> tuple[np.ndarray, int]:
    """Return the closest pairs i < j of descriptors, and how many pairs there are.

    Args:
        descriptor (np.ndarray): Descriptors, float32 [clips, D].
        up_to (float): Largest distance.
        count (int): Largest number of pairs to return.

    Returns:
        tuple[np.ndarray, int]: Pairs, int64 [pairs, 2], sorted; and the number of all pairs.
    """
    pairs, distances, total = np.zeros((0, 2), np.int64), np.zeros(0, np.float32), 0
    for i, j, distance in close_pairs(descriptor, up_to):
        total += len(i)
        pairs = np.concatenate([pairs, np.stack([i, j], 1)])
        distances = np.concatenate([distances, distance])
        closest = np.argsort(distances, kind="stable")[:count]
        pairs, distances = pairs[closest], distances[closest]
    return pairs[np.lexsort(pairs.T[::-1])], total


def describe_clips(clips: AuditClips) -> np.ndarray:
    """Return the descriptors, float32 [clips, 16 * 49 * 2]; 0 for a clip without a hand."""
    return np.concatenate([_describe(chunk) for chunk in clips.chunks()])


def _describe(chunk: Chunk) -> np.ndarray:
    keypoint, present = _sample(chunk)
    parts = []
    for part in PARTS:
        joints, seen = keypoint[:, :, part.joints], present[:, :, part.joints]
        if part is BODY:
            joints = _standardize(joints, seen, axes=(1, 2), min_scale=_MIN_BODY_SCALE)
        else:
            joints = _standardize(joints, seen, axes=(2,), min_scale=1e-6)
        count = np.maximum(seen.any(1).sum(1), 1)
        parts.append((joints / np.sqrt(count)[:, None, None, None]).reshape(len(joints), -1))
    descriptor = np.concatenate(parts, 1)
    length = np.linalg.norm(descriptor, axis=1, keepdims=True)
    return (descriptor / np.maximum(length, 1e-9)).astype(np.float32)


def _sample(chunk: Chunk) -> tuple[np.ndarray, np.ndarray]:
    """Return joints [clips, 16, 49, 2] at the sampled times, and whether they are present."""
    frames = np.arange(len(chunk.keypoint))
    hand = np.any(chunk.score[:, : BODY.start] > 0, axis=1)
    # Clips without a hand are sampled as a whole and marked as absent below.
    hand |= np.repeat(chunk.sum(hand) == 0, chunk.num_frames)
    first = np.minimum.reduceat(np.where(hand, frames, len(frames)), chunk.start)
    last = np.maximum.reduceat(np.where(hand, frames, -1), chunk.start)
    time = first[:, None] + (last - first)[:, None] * np.linspace(0, 1, NUM_TIMES)
    before = np.floor(time).astype(int)
    after = np.minimum(before + 1, last[:, None])
    fraction = (time - before).astype(np.float32)[..., None]
    weight_before = (1 - fraction) * (chunk.score[before] > 0)
    weight_after = fraction * (chunk.score[after] > 0)
    total = weight_before + weight_after
    joints = weight_before[..., None] * chunk.keypoint[before]
    joints = joints + weight_after[..., None] * chunk.keypoint[after]
    joints /= np.maximum(total, 1e-6)[..., None]
    present = total > 0
    present[~present[..., : BODY.start].any((1, 2))] = False
    return joints, present


def _standardize(
    joints: np.ndarray, seen: np.ndarray, axes: tuple[int, ...], min_scale: float
) -> np.ndarray:
    """Subtract the mean of [n, 16, V, 2] over axes, divide by the root mean square; absent is 0."""
    count = np.maximum(seen.sum(axes, keepdims=True), 1)[..., None]
    joints = joints * seen[..., None]
    joints = (joints - joints.sum(axes, keepdims=True) / count) * seen[..., None]
    square = (joints**2).sum(-1, keepdims=True).sum(axes, keepdims=True) / count
    return joints / np.maximum(np.sqrt(square), min_scale)
