"""Check of clips that show one recording with different bytes: re-encoded, trimmed or resized.

Each clip gets a descriptor that does not depend on the frame rate or on the framing of the video:

1. Cut the clip to the frames from the first to the last with a hand and sample it at 16 evenly
   spread times, interpolating linearly between frames. A joint absent in one of two frames is read
   from the other.
2. Subtract the mean of each hand at each time and divide by the root mean square distance from it.
   Standardise the body likewise, but over all times, and divide by at least 0.002 of the image.
   Absent joints are 0, which is the mean.
3. Divide each part by the square root of its number of joints, so that two wrists have the weight
   of the 21 joints of a hand. Normalise the whole vector to length 1.

The distance of two clips is that of their descriptors: 0 for one recording, sqrt(2) for poses that
have nothing in common. Two clips below the threshold are near-duplicates; a group is a connected
component of such pairs.

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

from masa_mm.pose.skeleton import BODY, PARTS
from masa_mm.preparation.audit.check import (
    WIDE,
    Check,
    Picture,
    Record,
    Section,
    chart,
    clip_picture,
)
from masa_mm.preparation.audit.clips import AuditClips, Chunk
from masa_mm.preparation.audit.duplicates import group_summary, group_tables, summarize_groups
from masa_mm.visualization.style import FAINT, INK, RUN_COLORS

THRESHOLD = 0.14
# Pairs are counted up to a distance of 0.5, to show the threshold among them.
_EDGES = np.linspace(0, 0.5, 51)
# Rows of the distance matrix in memory at a time; a row takes 4 bytes for each clip.
_BLOCK = 256
NUM_TIMES = 16
# Rounding to float16 moves a body at rest; without a minimum it would be scaled up to full size.
_MIN_BODY_SCALE = 0.002
_NUM_EXAMPLES = 3
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
        descriptor = describe_clips(clips)[first]
        has_hand = np.linalg.norm(descriptor, axis=1) > 0
        compared = first[has_hand]
        linked, statistics = self._compare(clips, compared, descriptor[has_hand])
        component = np.full(len(first), -1)
        component[has_hand] = np.where(np.bincount(linked)[linked] > 1, linked, -1)
        component = component[inverse]
        # A clip without a near-duplicate is a group of its own, even if others are identical to it.
        group = np.where(component < 0, -1 - np.arange(len(clips)), component)
        return dict(
            threshold=self.threshold,
            **summarize_groups(clips, group),
            **statistics,
            not_compared=len(first) - len(compared),
        )

    def _compare(
        self, clips: AuditClips, number: np.ndarray, descriptor: np.ndarray
    ) -> tuple[np.ndarray, Record]:
        """Return the component of each clip, and statistics of the pairs."""
        signer = clips.signer[number]
        counts = np.zeros((len(RELATIONS), len(_EDGES) - 1), np.int64)
        # Distance and clips.
        closest: tuple[float, int, int] | None = None
        examples: list[tuple[float, int, int]] = []
        component = np.arange(len(number))
        for i, j, distance in _close_pairs(descriptor, max(self.threshold, _EDGES[-1])):
            unknown = (signer[i] < 0) | (signer[j] < 0)
            relation = np.where(unknown, 2, signer[i] != signer[j])
            for n, row in enumerate(counts):
                row += np.histogram(distance[relation == n], _EDGES)[0]
            two_signers = np.flatnonzero(relation == 1)
            if len(two_signers):
                least = two_signers[distance[two_signers].argmin()]
                pair = (float(distance[least]), int(number[i[least]]), int(number[j[least]]))
                closest = min(closest or pair, pair)
            near = np.flatnonzero(distance < self.threshold)
            component = _connect(component, i[near], j[near])
            top = near[np.argsort(-distance[near])[:_NUM_EXAMPLES]]
            examples += zip(distance[top].tolist(), *number[[i[top], j[top]]].tolist())
            examples = sorted(examples, reverse=True)[:_NUM_EXAMPLES]
        return component, dict(
            pairs=dict(edges=_EDGES.round(6).tolist(), **dict(zip(RELATIONS, counts.tolist()))),
            closest_of_two_signers=closest
            and dict(distance=closest[0], clips=clips.describe_all(closest[1:])),
            examples=[dict(distance=distance, numbers=numbers) for distance, *numbers in examples],
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


def _connect(component: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Merge the components that pairs of clips connect."""
    links = (np.ones(len(i), bool), (component[i], component[j]))
    graph = coo_matrix(links, (len(component), len(component)))
    return connected_components(graph, directed=False)[1][component]


def _distance_chart(pairs: Record, threshold: float) -> Picture:
    """Draw how many pairs lie at each distance, by whether one person signs both."""
    figure, axes = chart(WIDE, "distance of two clips", "pairs")
    edges = np.array(pairs["edges"])
    # Pairs of two signers come first, at the bottom, where even a few are visible.
    colors = {"two signers": RUN_COLORS[1], "one signer": RUN_COLORS[2], "signer unknown": FAINT}
    shown = [name for name in colors if any(pairs[name])]
    total = np.zeros(len(edges) - 1)
    for name in shown:
        axes.bar(
            edges[:-1],
            pairs[name],
            np.diff(edges),
            total,
            align="edge",
            color=colors[name],
            label=name,
        )
        total += pairs[name]
    axes.axvline(threshold, color=INK, linewidth=1.2, linestyle="--", label="threshold")
    axes.set_xlim(0, edges[-1])
    # The many distant pairs would make the few close ones invisible.
    below = total[edges[:-1] < 2 * threshold]
    axes.set_ylim(0, 1.15 * max(below.max(initial=0), 5))
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    caption = "Pairs of clips at each distance; bars of many distant pairs are cut off at the top"
    return Picture(figure, caption=caption)


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
