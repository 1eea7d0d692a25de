"""Clips that show one recording although their bytes differ: re-encoded, trimmed, resized.

The distance of two clips is that of their descriptors (:mod:`.clip_descriptor`): 0 for one
recording, sqrt(2) for poses that have nothing in common. Two clips below the threshold are
near-duplicates; a group is what such pairs connect.

The threshold of 0.14 was read off WLASL-hands (10,566 clips, signers known) and off the pictures of
the pairs around it. Below it lie 58 pairs of clips that are not identical, every one of one signer,
of equal length, and nearly every one of two signs that mean much the same: dictionaries show one
recording under several words. The first pair of two recordings ('son' and 'daughter', one signer)
comes at 0.148, the first of two signers at 0.153, and from 0.3 on a third of the pairs are of two.
The page draws these counts for the clips audited. What it misses: a recording that lost its hands
in the first or last frames of one copy drifts out, for the cut of the descriptor then shifts it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from masa_mm.preparation.audit.checks.clip_descriptor import describe_clips
from masa_mm.preparation.audit.checks.groups import summarize_groups
from masa_mm.preparation.audit.clips import AuditClips

THRESHOLD = 0.14
# Distances up to here are counted, to show where the threshold lies among them.
COUNTED_UP_TO = 0.5
_BINS = 50
# Rows of the distance matrix held at once; a row is 4 bytes a clip.
_BLOCK = 256
RELATIONS = ("one signer", "two signers", "signer unknown")


def near_duplicates(
    clips: AuditClips, identical: np.ndarray, threshold: float = THRESHOLD
) -> dict[str, Any]:
    """Find groups of near-duplicates, see the module's docstring.

    Of identical clips one is compared, and the groups reported are those that hold at least two
    clips which are not identical.

    Args:
        clips: all clips.
        identical: groups of identical clips, int64 [clips].
        threshold: largest distance of a pair.

    Returns:
        What :func:`~.groups.summarize_groups` returns, with ``threshold``, ``pairs`` (how many
        pairs lie at each distance: ``edges`` and a count for each of :data:`RELATIONS`),
        ``closest_of_two_signers`` (None, or ``distance`` and ``clips``), ``examples`` (the most
        distant pairs below the threshold, as numbers of clips) and ``not_compared`` (clips without
        a hand).
    """
    _, first, inverse = np.unique(identical, return_index=True, return_inverse=True)
    descriptor = describe_clips(clips)
    usable = first[np.linalg.norm(descriptor[first], axis=1) > 0]
    pairs = _Pairs(clips.signer[usable], threshold)
    for i, j, distance in _close_pairs(descriptor[usable], max(threshold, COUNTED_UP_TO)):
        pairs.add(i, j, distance)
    # Each clip's group: of its component, or of its own if it was not compared.
    component = np.arange(len(clips), 2 * len(clips))
    component[usable] = pairs.component
    component = component[first][inverse]
    sizes = np.bincount(component[first], minlength=component.max(initial=0) + 1)
    alone = sizes[component] == 1
    group = np.where(alone, component.max(initial=0) + 1 + np.arange(len(clips)), component)
    return dict(
        threshold=threshold,
        **summarize_groups(clips, group),
        pairs=pairs.counts(),
        closest_of_two_signers=pairs.closest(clips, usable),
        examples=[
            dict(distance=distance, numbers=usable[[i, j]].tolist())
            for distance, i, j in pairs.examples
        ],
        not_compared=int(len(first) - len(usable)),
    )


def _close_pairs(descriptor: np.ndarray, up_to: float):
    """Pairs i < j up to a distance, a block of rows at a time: i, j and the distance."""
    least_cosine = 1 - up_to**2 / 2
    for start in range(0, len(descriptor), _BLOCK):
        cosine = descriptor[start : start + _BLOCK] @ descriptor[start:].T
        i, j = np.nonzero(cosine > least_cosine)
        i, j = i[i < j], j[i < j]
        distance = np.sqrt(np.maximum(2 - 2 * cosine[i, j], 0))
        yield i + start, j + start, distance


class _Pairs:
    """What is kept of the pairs as they come: counts, groups and a few examples."""

    def __init__(self, signer: np.ndarray, threshold: float, num_examples: int = 3) -> None:
        self.signer, self.threshold, self.num_examples = signer, threshold, num_examples
        self.component = np.arange(len(signer))
        self.edges = np.linspace(0, COUNTED_UP_TO, _BINS + 1)
        self.histogram = np.zeros((len(RELATIONS), _BINS), np.int64)
        self.examples: list[tuple[float, int, int]] = []
        self._closest: tuple[float, int, int] | None = None

    def add(self, i: np.ndarray, j: np.ndarray, distance: np.ndarray) -> None:
        """Take pairs of clips."""
        unknown = (self.signer[i] < 0) | (self.signer[j] < 0)
        relation = np.where(unknown, 2, self.signer[i] != self.signer[j])
        for number, counts in enumerate(self.histogram):
            counts += np.histogram(distance[relation == number], self.edges)[0]
        of_two = np.flatnonzero(relation == 1)
        if len(of_two):
            nearest = of_two[distance[of_two].argmin()]
            found = (float(distance[nearest]), int(i[nearest]), int(j[nearest]))
            self._closest = min(self._closest or found, found)
        near = np.flatnonzero(distance < self.threshold)
        self._connect(i[near], j[near])
        top = near[np.argsort(-distance[near])[: self.num_examples]]
        found = zip(distance[top].tolist(), i[top].tolist(), j[top].tolist())
        self.examples = sorted([*self.examples, *found], reverse=True)[: self.num_examples]

    def _connect(self, i: np.ndarray, j: np.ndarray) -> None:
        nodes = len(self.component)
        links = (np.ones(len(i), bool), (self.component[i], self.component[j]))
        joined = connected_components(coo_matrix(links, (nodes, nodes)), directed=False)[1]
        self.component = joined[self.component]

    def counts(self) -> dict[str, list]:
        """Pairs at each distance."""
        rows = dict(zip(RELATIONS, self.histogram.tolist()))
        return dict(edges=self.edges.round(6).tolist(), **rows)

    def closest(self, clips: AuditClips, numbers: np.ndarray) -> dict[str, Any] | None:
        """The closest two clips of different signers."""
        if self._closest is None:
            return None
        distance, *pair = self._closest
        return dict(distance=distance, clips=[clips.describe(int(numbers[n])) for n in pair])
