"""Selection of the signer among several persons, by one rule for all sources.

1. Persons in consecutive frames are linked if each is the other's nearest, at most their own size
   away. If the source has track numbers, these are used instead.
2. The signer's track has the largest sum over its frames of box area x mean score, where the box
   encloses the visible joints. It is large, clear and long.
3. In frames that the track lacks, the person nearest to its interpolated position is the signer, if
   at most the track's mean size away. Otherwise the signer is absent.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from masa_mm.pose.crop import VISIBLE_THR
from masa_mm.sources.base import ClipError


class _Persons(NamedTuple):
    """Frame [M], centre [M, 2], size (a length) [M] and weight [M] of the persons of all frames."""

    frame: np.ndarray
    center: np.ndarray
    size: np.ndarray
    weight: np.ndarray


def signer_clip(
    keypoint: np.ndarray,
    score: np.ndarray,
    num_persons: np.ndarray | None = None,
    track: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Keep the signer only.

    Args:
        keypoint (np.ndarray): [M, V, 2], the persons of all frames, concatenated.
        score (np.ndarray): [M, V], 0 = absent.
        num_persons (np.ndarray | None): Persons in each frame [T], sum M. None: the arrays are
            [T, N, V, 2] and [T, N, V], with N persons in each frame.
        track (np.ndarray | None): Track numbers of the source [M].

    Returns:
        tuple: ``keypoint`` [T, V, 2] and ``score`` [T, V]; 0 where the signer is absent.

    Raises:
        ClipError: If there is nobody in any frame.
    """
    if num_persons is None:
        num_persons = np.full(*keypoint.shape[:2])
        keypoint, score = (array.reshape(-1, *array.shape[2:]) for array in (keypoint, score))
    if not len(keypoint):
        raise ClipError("it has nobody in any frame", "leave it out or extract its poses again")
    rows = choose_signer(keypoint, score, num_persons, track)
    keypoint, score = keypoint[rows], score[rows]
    keypoint[rows < 0], score[rows < 0] = 0, 0
    return keypoint, score


def choose_signer(
    keypoint: np.ndarray,
    score: np.ndarray,
    num_persons: np.ndarray,
    track: np.ndarray | None = None,
) -> np.ndarray:
    """Return the signer's row in each frame [T], -1 = absent; arguments as :func:`signer_clip`."""
    num_persons = np.asarray(num_persons)
    first = num_persons.cumsum() - num_persons
    if num_persons.max(initial=0) <= 1:
        return np.where(num_persons == 1, first, -1)
    persons = _measure(keypoint, score, np.repeat(np.arange(len(num_persons)), num_persons))
    if track is None:
        track = _link(persons, num_persons, first)
    _, track = np.unique(track, return_inverse=True)
    signer = np.bincount(track, persons.weight).argmax()
    rows = np.full(len(num_persons), -1)
    of_signer = np.flatnonzero(track == signer)[::-1]  # of two in one frame the first is kept
    rows[persons.frame[of_signer]] = of_signer
    return _bridge_gaps(rows, persons)


def _measure(keypoint: np.ndarray, score: np.ndarray, frame: np.ndarray) -> _Persons:
    visible = (score >= VISIBLE_THR) & (score > 0)
    visible |= ~visible.any(1, keepdims=True)  # a person without visible joints: use all
    low = np.nan_to_num(np.where(visible[..., None], keypoint, np.inf).min(1))
    high = np.nan_to_num(np.where(visible[..., None], keypoint, -np.inf).max(1))
    area = (high - low).prod(1)
    confidence = np.nan_to_num((score * visible).sum(1) / visible.sum(1))
    return _Persons(frame, (low + high) / 2, np.sqrt(area), area * confidence)


def _link(persons: _Persons, num_persons: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return track numbers [M], by linking mutual nearest neighbours in consecutive frames."""
    rank = np.arange(len(persons.frame)) - first[persons.frame]
    table = np.full((len(num_persons), num_persons.max()), -1)  # row of each frame's n-th person
    table[persons.frame, rank] = np.arange(len(rank))
    center = np.where((table >= 0)[..., None], persons.center[table], np.inf)
    with np.errstate(invalid="ignore"):
        distance = np.linalg.norm(center[:-1, :, None] - center[1:, None], axis=-1)
    distance = np.nan_to_num(distance, nan=np.inf)
    frame, before, after = np.nonzero(
        (distance == distance.min(1, keepdims=True))
        & (distance == distance.min(2, keepdims=True))
        & (distance <= np.where(table >= 0, persons.size[table], 0)[:-1, :, None])
    )
    ends = table[frame, before], table[frame + 1, after]
    # A coo_array has 64-bit indices, with which scipy 1.11 prints an error and links nothing.
    graph = coo_matrix((np.ones(len(frame)), ends), shape=(len(rank), len(rank)))
    return connected_components(graph, directed=False)[1]


def _bridge_gaps(rows: np.ndarray, persons: _Persons) -> np.ndarray:
    """Fill frames without the signer's track by the person nearest to its interpolated position."""
    known = np.flatnonzero(rows >= 0)
    frames = np.arange(len(rows))
    expected = np.stack(
        [np.interp(frames, known, persons.center[rows[known], axis]) for axis in (0, 1)], axis=-1
    )
    distance = np.linalg.norm(persons.center - expected[persons.frame], axis=1)
    near = distance <= persons.size[rows[known]].mean()
    candidates = np.flatnonzero(near & (rows[persons.frame] < 0))
    farthest_first = candidates[np.argsort(-distance[candidates], kind="stable")]
    rows = rows.copy()
    rows[persons.frame[farthest_first]] = farthest_first  # the nearest is written last
    return rows
