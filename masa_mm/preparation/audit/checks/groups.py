"""Groups of clips that show one recording: how many there are, and what they cross."""

from __future__ import annotations

from typing import Any

import numpy as np

from masa_mm.preparation.audit.clips import AuditClips


def summarize_groups(clips: AuditClips, group: np.ndarray) -> dict[str, Any]:
    """Count the groups of two clips and more.

    Args:
        clips: all clips.
        group: number of each clip's group, int64 [clips]; any numbers, a clip alone has its own.

    Returns:
        ``num_groups``, ``num_clips`` (in them), ``num_extra`` (clips beyond the first of each),
        ``across_labels`` and ``across_splits`` (groups with several labels or splits),
        ``twins`` (see :func:`twins_between`) and ``groups``, a list of clips each.
    """
    group, size = _dense(group)
    shared = size[group] > 1
    members = np.flatnonzero(shared)
    members = members[np.argsort(group[members], kind="stable")]
    lists = np.split(members, np.flatnonzero(np.diff(group[members])) + 1) if len(members) else []
    labelled = shared & (clips.label >= 0)
    return dict(
        num_groups=len(lists),
        num_clips=len(members),
        num_extra=len(members) - len(lists),
        across_labels=_several(group[labelled], clips.label[labelled]),
        across_splits=_several(group[shared], clips.store[shared]),
        twins=twins_between(clips, group),
        groups=[[clips.describe(number) for number in numbers.tolist()] for numbers in lists],
    )


def twins_between(clips: AuditClips, group: np.ndarray) -> list[dict[str, Any]]:
    """For each two stores, how many clips of one have a twin in the other (or another in itself).

    Args:
        clips: all clips.
        group: int64 [clips].

    Returns:
        Dicts of ``split``, ``other``, ``clips`` (of ``split`` with a twin in ``other``),
        ``same_label`` (of them, with a twin of their own label) and ``total`` (clips of ``split``).
    """
    group, _ = _dense(group)
    with_label, _ = _dense(group * (1 + int(clips.label.max(initial=0))) + clips.label)
    with_label[clips.label < 0] = -1
    rows = []
    for number, split in enumerate(clips.splits):
        mine = clips.store == number
        for other_number, other in enumerate(clips.splits):
            theirs = clips.store == other_number
            has = _has_other(group, mine, theirs)
            same = _has_other(with_label, mine, theirs) & (with_label[mine] >= 0)
            rows.append(
                dict(
                    split=split,
                    other=other,
                    clips=int(has.sum()),
                    same_label=int(same.sum()),
                    total=int(mine.sum()),
                )
            )
    return rows


def _has_other(group: np.ndarray, mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Whether each of mine has one of theirs, other than itself, in its group."""
    known = group >= 0
    count = np.bincount(group[theirs & known], minlength=group.max(initial=0) + 1)
    return count[group[mine]] - (theirs & known)[mine] > 0


def _dense(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Groups numbered 0, 1, ... in the order of their first clips, and their sizes."""
    _, first, inverse, count = np.unique(
        group, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[inverse], count[order]


def _several(group: np.ndarray, value: np.ndarray) -> int:
    """Groups with more than one value."""
    pairs = np.unique(np.stack([group, value], 1), axis=0)
    return int((np.unique(pairs[:, 0], return_counts=True)[1] > 1).sum())
