"""Dynamic time warping of raw poses: the baseline of a sign dictionary that needs no network.

Distances from one query to all examples are computed together: the recursion runs over the cells of
the warping matrix, and each step over all examples at once.
"""

from __future__ import annotations

import numpy as np

from masa_mm.pose.skeleton import LEFT_HAND, RIGHT_HAND, WRIST_LINKS

NUM_FRAMES = 32
# Frames by which two clips may be out of step.
BAND = 8
# Distance of the wrists in the image relative to that of the hands' shapes.
WRIST_WEIGHT = 1.0
_BLOCK = 2048  # examples at a time, which take about 10 MB


def pose_sequence(
    keypoint: np.ndarray, score: np.ndarray, wrist_weight: float = WRIST_WEIGHT
) -> np.ndarray:
    """Describe a clip by the shapes and places of its hands.

    The joints of a hand are taken relative to its wrist and divided by their norm. An absent hand
    and its wrist are 0. Only frames with a hand count; :data:`NUM_FRAMES` of them are spread over
    the clip.

    Args:
        keypoint (np.ndarray): Part coordinates [T, 49, 2].
        score (np.ndarray): [T, 49]; 0 is absent. At least one frame shows a hand.
        wrist_weight (float): Factor of the wrists' positions.

    Returns:
        np.ndarray: float32 [NUM_FRAMES, 2 * (42 + 2)].
    """
    shown = np.flatnonzero((score[:, : LEFT_HAND.joints.stop] > 0).any(1))
    chosen = shown[np.linspace(0, len(shown) - 1, NUM_FRAMES).round().astype(int)]
    keypoint, seen = keypoint[chosen].astype(np.float32), (score[chosen] > 0)[..., None]
    columns = []
    for part, (hand_wrist, body_wrist) in zip((RIGHT_HAND, LEFT_HAND), WRIST_LINKS):
        shape = (keypoint[:, part.joints] - keypoint[:, hand_wrist, None]) * seen[:, part.joints]
        norm = np.linalg.norm(shape, axis=(1, 2), keepdims=True)
        place = wrist_weight * (keypoint[:, body_wrist] - 0.5) * seen[:, body_wrist]
        columns += [(shape / np.maximum(norm, 1e-6)).reshape(NUM_FRAMES, -1), place]
    return np.concatenate(columns, 1, dtype=np.float32)


def warping_distances(queries: np.ndarray, examples: np.ndarray, band: int = BAND) -> np.ndarray:
    """Compute dynamic time warping distances within a Sakoe-Chiba band.

    The cost of a pair of frames is their Euclidean distance. A path may take one step in either
    clip or in both.

    Args:
        queries (np.ndarray): [Q, L, D].
        examples (np.ndarray): [N, L, D].
        band (int): Largest difference of the frame numbers in a pair.

    Returns:
        np.ndarray: float32 [Q, N].
    """
    distances = np.zeros((len(queries), len(examples)), np.float32)
    for start in range(0, len(examples), _BLOCK):
        block = slice(start, start + _BLOCK)
        frames = np.ascontiguousarray(examples[block].swapaxes(0, 1), np.float32)
        for query, row in zip(queries.astype(np.float32), distances[:, block]):
            row[:] = _warp(query, frames, band)
    return distances


def _warp(query: np.ndarray, frames: np.ndarray, band: int) -> np.ndarray:
    """Distances [N] of a query [L, D] to examples whose frames come first, [L, N, D]."""
    length, num_examples, _ = frames.shape
    squares = (query**2).sum(-1)[:, None, None] + (frames**2).sum(-1)
    products = (query @ frames.reshape(length * num_examples, -1).T).reshape(squares.shape)
    cost = np.sqrt(np.maximum(squares - 2 * products, 0))
    # One row and column before the first frames; only their corner starts a path.
    before = np.full((length + 1, num_examples), np.inf, np.float32)
    before[0] = 0
    for i in range(length):
        total = np.full_like(before, np.inf)
        for j in range(max(0, i - band), min(length, i + band + 1)):
            best = np.minimum(before[j], before[j + 1])
            total[j + 1] = cost[i, j] + np.minimum(best, total[j])
        before = total
    return before[-1]
