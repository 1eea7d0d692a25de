"""Check of clips that show one recording with different bytes: re-encoded, trimmed or resized.

The distance of two clips is that of their descriptors (``clip_descriptor.py``): 0 for one
recording, sqrt(2) for poses that have nothing in common. Two clips below the threshold are
near-duplicates; a group is a connected component of such pairs.

The threshold of 0.14 was chosen on WLASL-hands (10,566 clips, signers known) by its pairs and their
pictures. Below it lie 58 pairs of clips that are not identical. Each is of one signer and of equal
length, and nearly all have two labels of much the same meaning: dictionaries show one recording
under several words. The first pair of two recordings ('son' and 'daughter', one signer) lies at
0.148, the first of two signers at 0.153; from 0.3 on, a third of the pairs are of two signers. The
page draws these counts for the audited clips. A recording whose copy lost its hands in the first or
last frames is missed, because the descriptor cuts the clip there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from masa_mm.preparation.audit.check import (
    WIDE,
    Check,
    Picture,
    Record,
    Section,
    chart,
    clip_picture,
)
from masa_mm.preparation.audit.clip_descriptor import describe_clips
from masa_mm.preparation.audit.clips import AuditClips
from masa_mm.preparation.audit.duplicates import group_summary, group_tables, summarize_groups
from masa_mm.visualization.style import FAINT, INK, RUN_COLORS

THRESHOLD = 0.14
# Pairs are counted up to this distance, to show the threshold among them.
COUNTED_UP_TO = 0.5
_BINS = 50
# Rows of the distance matrix in memory at a time; a row takes 4 bytes for each clip.
_BLOCK = 256
RELATIONS = ("one signer", "two signers", "signer unknown")


@dataclass(frozen=True)
class NearDuplicates(Check):
    """Clips that show one recording, re-encoded, trimmed or resized.

    Each clip is cut to the frames with hands, sampled at 16 evenly spread times, and normalised by
    the position and size of each part. Near-duplicates are closer than a threshold (0 is the same
    motion, 1.41 nothing in common); groups are connected by such pairs.
    """

    name = "near"
    title = "Near-duplicate clips"
    threshold: float = THRESHOLD

    def compute(self, clips: AuditClips, results: Mapping[str, Any]) -> Record:
        """Find groups of near-duplicates, comparing one clip of each group of identical ones.

        Returns:
            dict: What :func:`~.duplicates.summarize_groups` returns for groups with at least two
            different clips, with ``threshold``, ``pairs`` (how many pairs lie at each distance:
            ``edges`` and counts for each of :data:`RELATIONS`), ``closest_of_two_signers``
            (``distance`` and ``clips``, or None), ``examples`` (the most distant pairs below the
            threshold: ``distance`` and ``numbers`` of clips) and ``not_compared`` (clips without a
            hand).
        """
        _, first, inverse = np.unique(clips.identical, return_index=True, return_inverse=True)
        descriptor = describe_clips(clips)
        usable = first[np.linalg.norm(descriptor[first], axis=1) > 0]
        pairs = _ClosePairs(clips.signer[usable], self.threshold)
        up_to = max(self.threshold, COUNTED_UP_TO)
        for i, j, distance in _close_pairs(descriptor[usable], up_to):
            pairs.add(i, j, distance)
        # Clips that are not compared are components of their own.
        component = np.arange(len(clips), 2 * len(clips))
        component[usable] = pairs.component
        component = component[first][inverse]
        size = np.bincount(component[first], minlength=component.max(initial=0) + 1)
        # Identical clips alone are no group here.
        own_group = component.max(initial=0) + 1 + np.arange(len(clips))
        group = np.where(size[component] == 1, own_group, component)
        closest = None
        if pairs.closest:
            least, *numbers = pairs.closest
            closest = dict(distance=least, clips=clips.describe_all(usable[numbers]))
        return dict(
            threshold=self.threshold,
            **summarize_groups(clips, group),
            pairs=dict(
                edges=pairs.edges.round(6).tolist(), **dict(zip(RELATIONS, pairs.counts.tolist()))
            ),
            closest_of_two_signers=closest,
            examples=[
                dict(distance=distance, numbers=usable[[i, j]].tolist())
                for distance, i, j in pairs.examples
            ],
            not_compared=int(len(first) - len(usable)),
        )

    def show(self, clips: AuditClips, result: Record) -> Section:
        """Show the groups, the distances of all pairs, and pictures of the most distant pairs."""
        threshold, closest = result["threshold"], result["closest_of_two_signers"]
        note = f"The threshold is {threshold:g}. "
        if closest:
            names = " and ".join(f"'{clip['gloss'] or clip['id']}'" for clip in closest["clips"])
            note += (
                f"The closest clips of two signers, {names}, are {closest['distance']:.3f} apart; "
                "smaller distances mean one recording."
            )
        else:
            note += "No two clips of different known signers are close."
        pictures = [
            clip_picture(clips, number, f" (the pair is {pair['distance']:.3f} apart)")
            for pair in result["examples"]
            for number in pair["numbers"]
        ]
        return Section(
            group_summary(result, "near-duplicate", "further "),
            [_distance_chart(result["pairs"], threshold), *group_tables(result), *pictures],
            alarm=result["num_groups"] > 0,
            note=note,
        )


Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]


def _close_pairs(descriptor: np.ndarray, up_to: float) -> Iterator[Pairs]:
    """Yield pairs i < j up to a distance, block by block: i, j and the distance."""
    least_cosine = 1 - up_to**2 / 2
    for start in range(0, len(descriptor), _BLOCK):
        cosine = descriptor[start : start + _BLOCK] @ descriptor[start:].T
        i, j = np.nonzero(cosine > least_cosine)
        i, j = i[i < j], j[i < j]
        distance = np.sqrt(np.maximum(2 - 2 * cosine[i, j], 0))
        yield i + start, j + start, distance


class _ClosePairs:
    """Statistics of the pairs seen so far: counts, connected components, a few examples."""

    def __init__(self, signer: np.ndarray, threshold: float, num_examples: int = 3) -> None:
        self.signer, self.threshold, self.num_examples = signer, threshold, num_examples
        self.component = np.arange(len(signer))
        self.edges = np.linspace(0, COUNTED_UP_TO, _BINS + 1)
        self.counts = np.zeros((len(RELATIONS), _BINS), np.int64)
        # Distance and clips.
        self.examples: list[tuple[float, int, int]] = []
        self.closest: tuple[float, int, int] | None = None

    def add(self, i: np.ndarray, j: np.ndarray, distance: np.ndarray) -> None:
        """Add pairs of clips."""
        unknown = (self.signer[i] < 0) | (self.signer[j] < 0)
        relation = np.where(unknown, 2, self.signer[i] != self.signer[j])
        for number, counts in enumerate(self.counts):
            counts += np.histogram(distance[relation == number], self.edges)[0]
        two_signers = np.flatnonzero(relation == 1)
        if len(two_signers):
            nearest = two_signers[distance[two_signers].argmin()]
            pair = (float(distance[nearest]), int(i[nearest]), int(j[nearest]))
            self.closest = min(self.closest or pair, pair)
        near = np.flatnonzero(distance < self.threshold)
        self._connect(i[near], j[near])
        top = near[np.argsort(-distance[near])[: self.num_examples]]
        self.examples += zip(distance[top].tolist(), i[top].tolist(), j[top].tolist())
        self.examples = sorted(self.examples, reverse=True)[: self.num_examples]

    def _connect(self, i: np.ndarray, j: np.ndarray) -> None:
        nodes = len(self.component)
        links = (np.ones(len(i), bool), (self.component[i], self.component[j]))
        joined = connected_components(coo_matrix(links, (nodes, nodes)), directed=False)[1]
        self.component = joined[self.component]


def _distance_chart(pairs: Record, threshold: float) -> Picture:
    """Draw how many pairs lie at each distance, by whether one person signs both."""
    figure, axes = chart(WIDE, "distance of two clips", "pairs")
    edges = np.array(pairs["edges"])
    bottom = np.zeros(len(edges) - 1)
    # Pairs of two signers come first, at the bottom, where even a few are visible.
    colors = {"two signers": RUN_COLORS[1], "one signer": RUN_COLORS[2], "signer unknown": FAINT}
    for name, color in colors.items():
        values = np.array(pairs[name])
        if values.any():
            width = np.diff(edges)
            axes.bar(edges[:-1], values, width, bottom, align="edge", color=color, label=name)
        bottom += values
    axes.axvline(threshold, color=INK, linewidth=1.2, linestyle="--")
    axes.set_xlim(0, edges[-1])
    # The many distant pairs would make the few close ones invisible.
    below = bottom[edges[:-1] < 2 * threshold]
    axes.set_ylim(0, 1.15 * max(below.max(initial=0), 5))
    note: dict[str, Any] = dict(transform=axes.get_xaxis_transform(), fontsize=8, color=INK)
    axes.text(threshold, 0.98, "near-duplicates ", ha="right", va="top", **note)
    if bottom.any():
        axes.legend(frameon=False, fontsize=8, loc="upper left")
    caption = "Pairs of clips at each distance; bars of many distant pairs are cut off at the top"
    return Picture(figure, caption=caption)
