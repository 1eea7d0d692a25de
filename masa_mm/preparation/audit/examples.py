"""Checks that name or show single clips: invalid ones, and random samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from masa_mm.pose.clip_checks import clip_problems
from masa_mm.preparation.audit.check import Check, Record, Section, Table, clip_picture, count
from masa_mm.preparation.audit.clips import AuditClips

_LISTED = 20


class BadClips(Check):
    """Clips that are useless for training, and ids of several clips.

    Bad clips have NaN or infinite joints, no visible hand, or coordinates in pixels.
    """

    name = "refused"
    title = "Bad clips"

    def compute(self, clips: AuditClips, results: Mapping[str, Any]) -> Record:
        """Find bad clips; stores that ``masa_mm`` has written have none.

        Returns:
            dict: ``bad`` clips (``id``, ``split``, ``problem`` and ``remedy``) and
            ``repeated_ids`` (``id`` and ``splits`` of its clips).
        """
        bad: list[Record] = []
        for number, rows, frames in clips.ranges():
            store = clips.stores[number]
            _, problems = clip_problems(
                store.keypoint[frames],
                store.keypoint_score[frames],
                store.num_frames[rows],
                store.ids[rows],
                store.label[rows],
                len(store.glosses),
            )
            bad += [clip._asdict() | dict(split=clips.splits[number]) for clip in problems]
        splits: dict[str, list[str]] = {}
        for name, store in zip(clips.ids, clips.store.tolist()):
            splits.setdefault(name, []).append(clips.splits[store])
        repeated = [
            dict(id=name, splits=names) for name, names in sorted(splits.items()) if len(names) > 1
        ]
        return dict(bad=bad, repeated_ids=repeated)

    def show(self, clips: AuditClips, result: Record) -> Section:
        """Show the first clips of either kind."""
        bad, repeated = result["bad"], result["repeated_ids"]
        problems = {"clip": "id", "split": "split", "problem": "problem", "remedy": "remedy"}
        stores = {"clip": "id", "stores": lambda clip: ", ".join(clip["splits"])}
        blocks = [
            Table(bad[:_LISTED], problems, caption=f"The first of {len(bad):,}"),
            Table(repeated[:_LISTED], stores, caption=f"The first of {len(repeated):,} ids"),
        ]
        return Section(
            f"{count(len(bad), 'bad clip').capitalize()}, {count(len(repeated), 'repeated id')}",
            blocks,
            alarm=bool(bad or repeated),
        )


@dataclass(frozen=True)
class Samples(Check):
    """Eight evenly spread frames of random clips.

    Above is the whole signer, with hands of a typical size at the wrists, below each hand in its
    crop.
    """

    name = "samples"
    title = "Samples"
    num_clips: int = 20
    seed: int = 0

    def compute(self, clips: AuditClips, results: Mapping[str, Any]) -> Record:
        """Draw clips without repetition, as many as there are at most."""
        number = min(self.num_clips, len(clips))
        drawn = np.random.default_rng(self.seed).choice(len(clips), number, replace=False)
        numbers = sorted(drawn.tolist())
        return dict(seed=self.seed, numbers=numbers, clips=clips.describe_all(numbers))

    def show(self, clips: AuditClips, result: Record) -> Section:
        """Show their pictures."""
        summary = f"{count(len(result['numbers']), 'clip')} drawn at random (seed {result['seed']})"
        return Section(summary, [clip_picture(clips, number) for number in result["numbers"]])
