"""Which of several persons is the signer: one rule for all sources that see more than one.

1. Persons are linked from frame to frame where each is the other's nearest, and no further away
   than their own size; a source's own track numbers are taken instead where it has some.
2. The signer's is the track with the most of size x confidence: the sum over its frames of the
   area of the box around the visible joints, times their mean score. So who is large, clear and
   long in the picture is preferred.
3. Where that track breaks off, the person nearest to its interpolated place goes on with it, if no
   further away than the track's mean size; else the signer is absent from the frame.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from masa_mm.pose.crop import VISIBLE_THR
from masa_mm.sources.base import ClipError


class _Persons(NamedTuple):
    """Persons one after the other: frame [M], centre [M, 2], size (a length) and weight [M]."""

    frame: np.ndarray
    center: np.ndarray
    size: np.ndarray
    weight: np.ndarray


def signer_clip(
    keypoint: np.ndarray,
    score: np.ndarray,
    counts: np.ndarray,
    track: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The signer alone.

    Args:
        keypoint: [M, V, 2], the persons of all frames, one after the other.
        score: [M, V], 0 = absent.
        counts: persons of each frame [T], sum M.
        track: [M] numbers of the source's tracks, if it has some.

    Returns:
        ``keypoint`` [T, V, 2] and ``score`` [T, V]; 0 where there is no signer.

    Raises:
        ClipError: there is nobody in any frame.
    """
    if not len(keypoint):
        raise ClipError("it has nobody in any frame", "leave it out or extract its poses again")
    rows = choose_signer(keypoint, score, counts, track)
    seen = rows >= 0
    return (
        np.where(seen[:, None, None], keypoint[rows], 0),
        np.where(seen[:, None], score[rows], 0),
    )


def choose_signer(
    keypoint: np.ndarray,
    score: np.ndarray,
    counts: np.ndarray,
    track: np.ndarray | None = None,
) -> np.ndarray:
    """The signer's row among the persons in each frame [T]; -1 = absent. Arguments as above."""
    counts = np.asarray(counts)
    first = counts.cumsum() - counts
    if counts.max(initial=0) <= 1:
        return np.where(counts == 1, first, -1)
    persons = _measure(keypoint, score, np.repeat(np.arange(len(counts)), counts))
    if track is None:
        track = _link(persons, counts, first)
    _, track = np.unique(track, return_inverse=True)
    chosen = np.bincount(track, persons.weight).argmax()
    rows = np.full(len(counts), -1)
    mine = np.flatnonzero(track == chosen)[::-1]  # of two in one frame the first stays
    rows[persons.frame[mine]] = mine
    return _bridge(rows, persons)


def _measure(keypoint: np.ndarray, score: np.ndarray, frame: np.ndarray) -> _Persons:
    visible = (score >= VISIBLE_THR) & (score > 0)
    visible |= ~visible.any(1, keepdims=True)  # of who is hardly seen all joints count
    low = np.where(visible[..., None], keypoint, np.inf).min(1)
    high = np.where(visible[..., None], keypoint, -np.inf).max(1)
    low, high = np.nan_to_num(low), np.nan_to_num(high)
    area = (high - low).prod(1)
    confidence = np.nan_to_num((score * visible).sum(1) / visible.sum(1))
    return _Persons(frame, (low + high) / 2, np.sqrt(area), area * confidence)


def _link(persons: _Persons, counts: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Track numbers [M]: persons that are each other's nearest in consecutive frames."""
    place = np.arange(len(persons.frame)) - first[persons.frame]
    table = np.full((len(counts), counts.max()), -1)
    table[persons.frame, place] = np.arange(len(place))
    center = np.where((table >= 0)[..., None], persons.center[table], np.inf)
    with np.errstate(invalid="ignore"):
        distance = np.linalg.norm(center[:-1, :, None] - center[1:, None], axis=-1)
    distance = np.nan_to_num(distance, nan=np.inf)
    frame, here, there = np.nonzero(
        (distance == distance.min(1, keepdims=True))
        & (distance == distance.min(2, keepdims=True))
        & (distance <= np.where(table >= 0, persons.size[table], 0)[:-1, :, None])
    )
    ends = table[frame, here], table[frame + 1, there]
    graph = coo_array((np.ones(len(frame)), ends), shape=(len(place), len(place)))
    return connected_components(graph, directed=False)[1]


def _bridge(rows: np.ndarray, persons: _Persons) -> np.ndarray:
    """Go on with the nearest person where the signer's track is broken."""
    known = np.flatnonzero(rows >= 0)
    frames = np.arange(len(rows))
    place = np.stack(
        [np.interp(frames, known, persons.center[rows[known], axis]) for axis in (0, 1)], axis=-1
    )
    distance = np.linalg.norm(persons.center - place[persons.frame], axis=1)
    near = distance <= persons.size[rows[known]].mean()
    candidates = np.flatnonzero(near & (rows[persons.frame] < 0))
    farthest_first = candidates[np.argsort(-distance[candidates], kind="stable")]
    rows = rows.copy()
    rows[persons.frame[farthest_first]] = farthest_first  # the last written, the nearest, stays
    return rows
