"""Check of clips that show one recording with different bytes: re-encoded, trimmed or resized.

Descriptors (``descriptor.py``) find pairs that could be one recording, and a comparison frame by
frame (``alignment.py``) decides: certain, uncertain, or different recordings, such as two takes of
a sign by one signer. Groups of near-duplicates are connected components of certain pairs.

The limits were chosen by eye on re-encoded clips made from half of the signs of WLASL-hands, on
its takes of one sign by one signer (``tools/benchmark/near_duplicates.py --half even``), and on the
most similar pairs of all of WLASL-hands. Each of the 92 certain pairs there is of one signer and of
equal length, which the comparison does not use; but as these pairs were seen when the limits were
chosen, they do not measure its errors. docs/data/audit.md has results on the other half.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from masa_mm.preparation.audit.alignment import Comparison, compare_pairs
from masa_mm.preparation.audit.check import (
    WIDE,
    Block,
    Check,
    Picture,
    Record,
    Section,
    Table,
    chart,
    clip_picture,
    count,
)
from masa_mm.preparation.audit.clips import AuditClips
from masa_mm.preparation.audit.descriptor import closest_pairs, describe_clips
from masa_mm.preparation.audit.duplicates import group_summary, group_tables, summarize_groups
from masa_mm.visualization.style import FAINT, INK, RUN_COLORS

# Descriptor distance up to which pairs are compared, and how many of them, the closest ones.
CANDIDATES, MAX_CANDIDATES = 0.6, 30000
# Slow difference in hand radii below which a pair is one recording, or may be.
CERTAIN, UNCERTAIN = 0.012, 0.03
# Limits of certain and of uncertain pairs: differences of the hands and of the body, and the share
# of hands that are compared.
_MAX_HANDS, _MAX_BODY, _MIN_SHARE = (0.025, 0.06), (0.1, 0.3), (0.5, 0.3)
# Compared hands of a certain pair, and their motion in differences of the hands: other frames of a
# hand held still differ little, too.
_MIN_COUNT, _MIN_MOTION = 16, 3
# Differences of pairs are counted up to this, to show the limits among them.
_EDGES = np.linspace(0, 0.2, 41)
_NUM_EXAMPLES = 3
_LISTED = 30
RELATIONS = ("one signer", "two signers", "signer unknown")


def decide(comparison: Comparison, certain: float = CERTAIN) -> tuple[np.ndarray, np.ndarray]:
    """Return which pairs are certainly one recording, and which may be, bool [pairs] each."""
    enough = comparison.num_hands >= _MIN_COUNT
    enough &= comparison.motion > _MIN_MOTION * comparison.hands
    sure, close = (
        (comparison.slow < slow)
        & (comparison.hands < hands)
        & (comparison.body < body)
        & (comparison.share >= share)
        for slow, hands, body, share in zip((certain, UNCERTAIN), _MAX_HANDS, _MAX_BODY, _MIN_SHARE)
    )
    return sure & enough, close & ~(sure & enough)


class _Pairs(NamedTuple):
    """Compared pairs [pairs, 2] and what remains between them."""

    clips: np.ndarray
    comparison: Comparison

    def records(self, clips: AuditClips, rows: np.ndarray) -> list[Record]:
        """Describe some pairs, the least different first."""
        rows = rows[np.argsort(self.comparison.slow[rows], kind="stable")]
        return [
            dict(
                difference=round(float(self.comparison.slow[row]), 5),
                numbers=self.clips[row].tolist(),
                clips=clips.describe_all(self.clips[row]),
            )
            for row in rows
        ]


@dataclass(frozen=True)
class NearDuplicates(Check):
    """Clips that show one recording, re-encoded, trimmed or resized.

    Pairs of similar clips are aligned in time and compared frame by frame. The difference is that
    of the hands, in hand radii, as far as it persists from frame to frame: the noise of an
    estimator does not, another take of the sign does. Clips of certain pairs are groups. Uncertain
    pairs are listed apart; look at them. They are in no group and in no list of twins. A pair with
    few hands, or with hands that hardly move, is never certain.
    """

    name = "near"
    title = "Near-duplicate clips"
    threshold: float = CERTAIN

    def compute(self, clips: AuditClips, results: Mapping[str, Any]) -> Record:
        """Find groups of near-duplicates, comparing one clip of each group of identical ones.

        Returns:
            dict: What :func:`~.duplicates.summarize_groups` returns for groups with at least two
            different clips, with ``threshold``, ``uncertain_below``, ``uncertain`` (pairs:
            ``difference``, ``numbers`` and ``clips``), ``different`` (compared pairs of different
            recordings), ``candidates`` (similar pairs) and ``compared`` (how many of them),
            ``pairs`` (how many pairs with enough compared hands lie at each difference: ``edges``
            and counts for each of :data:`RELATIONS`), ``closest_of_two_signers`` (a pair, or None),
            ``examples`` (the most different certain pairs) and ``not_compared`` (clips without a
            hand).
        """
        _, first, inverse = np.unique(clips.identical, return_index=True, return_inverse=True)
        descriptor = describe_clips(clips)[first]
        has_hand = np.linalg.norm(descriptor, axis=1) > 0
        found, candidates = closest_pairs(descriptor[has_hand], CANDIDATES, MAX_CANDIDATES)
        compared = first[has_hand]
        numbers = np.sort(compared[found], 1)
        pairs = _Pairs(numbers, compare_pairs(clips, numbers))
        certain, uncertain = decide(pairs.comparison, self.threshold)
        group = _groups(len(first), np.flatnonzero(has_hand)[found[certain]])[inverse]
        # A clip without a near-duplicate is a group of its own, even if others are identical to it.
        group = np.where(group < 0, -1 - np.arange(len(clips)), group)
        return dict(
            threshold=self.threshold,
            uncertain_below=UNCERTAIN,
            **summarize_groups(clips, group),
            uncertain=pairs.records(clips, np.flatnonzero(uncertain)),
            different=int((~certain & ~uncertain).sum()),
            candidates=candidates,
            compared=len(found),
            **_by_signer(clips, pairs),
            examples=pairs.records(clips, np.flatnonzero(certain))[: -_NUM_EXAMPLES - 1 : -1],
            not_compared=len(first) - len(compared),
        )

    def show(self, clips: AuditClips, result: Record) -> Section:
        """Show the groups, the uncertain pairs, the differences, and pictures of pairs."""
        uncertain = result["uncertain"]
        columns = {
            "difference": "{difference:.4f}",
            "signs": lambda pair: ", ".join(clip["gloss"] or "-" for clip in pair["clips"]),
            "names": lambda pair: ", ".join(f"{c['split']}/{c['id']}" for c in pair["clips"]),
        }
        more = f", the {_LISTED} least different" if len(uncertain) > _LISTED else ""
        blocks: list[Block] = [
            _difference_chart(result),
            *group_tables(result),
            Table(uncertain[:_LISTED], columns, caption=f"Uncertain pairs{more}"),
            *_pictures(clips, result["examples"], "certain"),
            *_pictures(clips, uncertain[:_NUM_EXAMPLES], "uncertain"),
        ]
        summary = group_summary(result, "near-duplicate", "further ")
        if uncertain:
            summary += f"; {count(len(uncertain), 'uncertain pair')}"
        return Section(
            summary, blocks, alarm=bool(result["num_groups"] or uncertain), note=_note(result)
        )


def _groups(size: int, pairs: np.ndarray) -> np.ndarray:
    """Return the component of each of a number of clips; -1 for clips in no pair."""
    graph = coo_matrix((np.ones(len(pairs), bool), tuple(pairs.T)), (size, size))
    component = connected_components(graph, directed=False)[1]
    return np.where(np.bincount(component)[component] > 1, component, -1)


def _by_signer(clips: AuditClips, pairs: _Pairs) -> Record:
    """Count the pairs by their difference and signers; find the closest pair of two signers.

    The slow difference of a few hands is too uncertain to count.
    """
    enough = pairs.comparison.num_hands >= _MIN_COUNT
    pairs = _Pairs(pairs.clips[enough], Comparison(*(part[enough] for part in pairs.comparison)))
    signer, slow = clips.signer[pairs.clips], pairs.comparison.slow
    relation = np.where((signer < 0).any(1), 2, signer[:, 0] != signer[:, 1])
    counts = {
        name: np.histogram(slow[relation == number], _EDGES)[0].tolist()
        for number, name in enumerate(RELATIONS)
    }
    two_signers = np.flatnonzero((relation == 1) & np.isfinite(slow))
    closest = pairs.records(clips, two_signers[slow[two_signers].argsort()[:1]])
    return dict(
        pairs=dict(edges=_EDGES.round(6).tolist(), **counts),
        closest_of_two_signers=closest[0] if closest else None,
    )


def _note(result: Record) -> str:
    """Say how pairs were decided, and what their signers tell about it."""
    note = (
        f"{count(result['compared'], 'similar pair')} compared: certain below "
        f"{result['threshold']:g}, uncertain below {result['uncertain_below']:g}; "
        f"{count(result['different'], 'pair')} of different recordings. "
    )
    if result["compared"] < result["candidates"]:
        note += f"Not compared: {result['candidates'] - result['compared']:,} less similar pairs. "
    if closest := result["closest_of_two_signers"]:
        names = " and ".join(f"'{clip['gloss'] or clip['id']}'" for clip in closest["clips"])
        note += (
            f"The least different clips of two signers, {names}, differ by "
            f"{closest['difference']:.3f}. "
        )
    return note


def _pictures(clips: AuditClips, pairs: list[Record], kind: str) -> list[Picture]:
    return [
        clip_picture(clips, number, f" ({kind}, the pair differs by {pair['difference']:.3f})")
        for pair in pairs
        for number in pair["numbers"]
    ]


def _difference_chart(result: Record) -> Picture:
    """Draw how many pairs lie at each difference, by whether one person signs both."""
    pairs = result["pairs"]
    figure, axes = chart(WIDE, "slow difference of two clips in hand radii", "pairs")
    edges = np.array(pairs["edges"])
    # Pairs of two signers come first, at the bottom, where even a few are visible.
    colors = {"two signers": RUN_COLORS[1], "one signer": RUN_COLORS[2], "signer unknown": FAINT}
    total = np.zeros(len(edges) - 1)
    for name in (name for name in colors if any(pairs[name])):
        heights = np.array(pairs[name])
        width = edges[1] - edges[0]
        axes.bar(edges[:-1] + width / 2, heights, width, total, color=colors[name], label=name)
        total += heights
    for limit, style in (("threshold", "--"), ("uncertain_below", ":")):
        label = "certain below" if limit == "threshold" else "uncertain below"
        axes.axvline(result[limit], color=INK, linewidth=1.2, linestyle=style, label=label)
    axes.set_xlim(0, edges[-1])
    # The many different pairs would make the few close ones invisible.
    below = total[edges[:-1] < 2 * result["uncertain_below"]]
    axes.set_ylim(0, 1.15 * max(below.max(initial=0), 5))
    axes.legend(frameon=False, fontsize=8, loc="upper center")
    caption = (
        f"Pairs at each difference that have at least {_MIN_COUNT} compared hands; bars of many "
        "pairs are cut off at the top"
    )
    return Picture(figure, caption=caption)
