"""Clips that a store should not hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from masa_mm.pose.clip_checks import clip_problems
from masa_mm.preparation.audit.clips import AuditClips


def refused_clips(clips: AuditClips) -> dict[str, Any]:
    """Clips that nothing can be learnt from, and ids that several clips have.

    A store that ``masa_mm`` has written has none of the first; one of another hand may.

    Returns:
        ``bad``: dicts of ``id``, ``split``, ``problem`` and ``remedy``. ``repeated_ids``: dicts of
        ``id`` and ``splits`` for names that several clips have.
    """
    bad = []
    for number, rows, frames in clips.ranges():
        store = clips.stores[number]
        _, found = clip_problems(
            store.keypoint[frames],
            store.keypoint_score[frames],
            store.num_frames[rows],
            store.ids[rows],
            store.label[rows],
            len(store.glosses),
        )
        bad += [clip._asdict() | dict(split=clips.splits[number]) for clip in found]
    return dict(bad=bad, repeated_ids=_repeated(clips))


def _repeated(clips: AuditClips) -> list[dict[str, Any]]:
    ids, inverse, count = np.unique(clips.ids, return_inverse=True, return_counts=True)
    several = np.flatnonzero(count > 1)
    order = np.argsort(inverse, kind="stable")
    start = count.cumsum() - count
    return [
        dict(
            id=str(ids[n]),
            splits=[
                clips.splits[int(clips.store[clip])]
                for clip in order[start[n] : start[n] + count[n]].tolist()
            ],
        )
        for n in several.tolist()
    ]
