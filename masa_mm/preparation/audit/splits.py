"""Checks of what each split holds: its signers, classes, and clip lengths."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import numpy as np

from masa_mm.preparation.audit.check import (
    CLIP_COLUMNS,
    Block,
    Check,
    Record,
    Section,
    Table,
    count,
    histogram_chart,
    percent,
    rank_chart,
)
from masa_mm.preparation.audit.clips import AuditClips

_LENGTH_PERCENTILES = (0, 5, 50, 95, 100)
_LENGTH_BINS = 40
# Shortest and longest clips to name.
_LISTED = 5


class Signers(Check):
    """Signers of each split, and signers that splits share.

    If signers of the test clips are also in train, scores do not measure how well new signers are
    recognised.
    """

    name = "signers"
    title = "Signers"

    def compute(self, clips: AuditClips, results: Mapping[str, Any]) -> Record:
        """Count signers and their clips.

        Returns:
            dict: ``splits``, for each ``split`` its ``signers``, ``clips``, ``known`` (clips of
            known signers) and ``clips_each`` (clips of each known signer, in descending order).
            ``shared``, for each two splits ``split``, ``other``, the ``signers`` that both have,
            and the ``clips`` of ``split`` by them.
        """
        signers, number = np.unique(clips.signer, return_inverse=True)
        # Clips of each signer in each split; -1 stands for unknown signers.
        counts = [
            np.bincount(number[mask], minlength=len(signers))[signers >= 0]
            for _, mask in clips.split_masks()
        ]
        splits = [
            dict(
                split=split,
                signers=int((row > 0).sum()),
                clips=int(mask.sum()),
                known=int(row.sum()),
                clips_each=sorted(row[row > 0].tolist(), reverse=True),
            )
            for (split, mask), row in zip(clips.split_masks(), counts)
        ]
        shared = [
            dict(
                split=split,
                other=other,
                signers=int(((row > 0) & (other_row > 0)).sum()),
                clips=int(row[other_row > 0].sum()),
            )
            for (split, row), (other, other_row) in permutations(zip(clips.splits, counts), 2)
        ]
        return dict(splits=splits, shared=shared)

    def show(self, clips: AuditClips, result: Record) -> Section:
        """Show the signers that later splits share with earlier ones."""
        splits = {split["split"]: split for split in result["splits"]}
        order = list(splits)
        # Stores are usually given as train, val, test.
        shared = [
            pair
            for pair in result["shared"]
            if pair["signers"] and order.index(pair["split"]) > order.index(pair["other"])
        ]
        known = any(split["known"] for split in splits.values())
        if not known:
            summary = "The signers are not known"
        elif len(splits) == 1:
            summary = count(result["splits"][0]["signers"], "signer")
        elif not shared:
            summary = "No signer is in two splits"
        else:
            summary = "; ".join(
                f"{count(pair['signers'], 'signer')} of {pair['split']} also in {pair['other']} "
                f"({percent(pair['clips'] / splits[pair['split']]['clips'])} of its clips)"
                for pair in shared
            )
        columns = {
            "split": "split",
            "signers": "signers",
            "clips with a known signer": lambda split: percent(split["known"] / split["clips"]),
            "clips of the most frequent": lambda split: max(split["clips_each"], default=0),
        }
        blocks: list[Block] = [Table(result["splits"], columns)]
        counts = {name: split["clips_each"] for name, split in splits.items()}
        if known:
            blocks.append(rank_chart(counts, "signers by clips"))
        return Section(summary, blocks, alarm=bool(shared))


class ClipLengths(Check):
    """Stored frames of the clips, with and without hands."""

    name = "lengths"
    title = "Clip lengths"

    def compute(self, clips: AuditClips, results: Mapping[str, Any]) -> Record:
        """Count frames.

        Returns:
            dict: ``splits``, for each ``split`` its ``clips``, ``frames``, ``percentiles`` (0, 5,
            50, 95, 100) of the frames of a clip, and their ``histogram`` (longer clips count in the
            last bin). ``edges`` of the histograms, ``shortest`` and ``longest`` clips.
        """
        # A few very long clips would put all others into one bin.
        top = max(float(np.percentile(clips.num_frames, 99.5)), 1.0)
        edges = np.linspace(0, top, _LENGTH_BINS + 1)
        splits = []
        for split, mask in clips.split_masks():
            frames = clips.num_frames[mask]
            splits.append(
                dict(
                    split=split,
                    clips=len(frames),
                    frames=int(frames.sum()),
                    percentiles=np.percentile(frames, _LENGTH_PERCENTILES).tolist(),
                    histogram=np.histogram(np.minimum(frames, top), edges)[0].tolist(),
                )
            )
        order = np.argsort(clips.num_frames, kind="stable")
        return dict(
            splits=splits,
            edges=edges.round(3).tolist(),
            shortest=clips.describe_all(order[:_LISTED]),
            longest=clips.describe_all(order[::-1][:_LISTED]),
        )

    def show(self, clips: AuditClips, result: Record) -> Section:
        """Show percentiles and histograms."""
        columns = {"split": "split", "clips": "clips", "frames": "frames"}
        for n, heading in enumerate(("shortest", "5 %", "median", "95 %", "longest")):
            columns[heading] = f"{{percentiles[{n}]:g}}"
        text = "{split}: {percentiles[0]:g} to {percentiles[4]:g} frames, median {percentiles[2]:g}"
        summary = "; ".join(text.format_map(split) for split in result["splits"])
        histograms = {split["split"]: split["histogram"] for split in result["splits"]}
        ends = [*result["shortest"], *result["longest"][::-1]]
        blocks = [
            Table(result["splits"], columns),
            histogram_chart(result["edges"], histograms, "frames of a clip"),
            Table(ends, CLIP_COLUMNS, caption="The shortest and the longest clips"),
        ]
        return Section(summary, blocks)


class ClassBalance(Check):
    """Clips of each class, over the classes with a clip.

    A class without a training clip cannot be recognised. The JSON lists every class.
    """

    name = "balance"
    title = "Class balance"

    def compute(self, clips: AuditClips, results: Mapping[str, Any]) -> Record:
        """Count the clips of each class.

        Returns:
            dict: Number of ``classes``, their ``glosses``, ``counts`` (clips of each class in each
            split) and ``splits``, for each ``split`` its ``labelled`` and ``unlabelled`` clips,
            ``present`` classes (with a clip), the ``least``, ``median`` and ``most`` clips of
            these, and ``only_here`` (classes of which no other split has a clip).
        """
        counts = [
            np.bincount(clips.label[mask & (clips.label >= 0)], minlength=len(clips.glosses))
            for _, mask in clips.split_masks()
        ]
        total = np.sum(counts, axis=0)
        splits = []
        for (split, mask), row in zip(clips.split_masks(), counts):
            present = row[row > 0] if row.any() else np.zeros(1, int)
            splits.append(
                dict(
                    split=split,
                    labelled=int(row.sum()),
                    unlabelled=int(mask.sum() - row.sum()),
                    present=int((row > 0).sum()),
                    least=int(present.min()),
                    median=float(np.median(present)),
                    most=int(present.max()),
                    only_here=int(((row > 0) & (row == total)).sum()),
                )
            )
        return dict(
            classes=len(clips.glosses),
            splits=splits,
            glosses=clips.glosses,
            counts=np.stack(counts, axis=1).tolist(),
        )

    def show(self, clips: AuditClips, result: Record) -> Section:
        """Show how even the classes are."""
        columns = {
            "split": "split",
            "labelled": "labelled",
            "unlabelled": "unlabelled",
            "classes": lambda split: f"{split['present']:,} of {result['classes']:,}",
            "clips of a class: least / median / most": "{least} / {median:g} / {most}",
            "classes in no other split": "only_here",
        }
        text = "{split}: {least} to {most} clips of a class, median {median:g}"
        summary = "; ".join(text.format_map(split) for split in result["splits"])
        blocks: list[Block] = [Table(result["splits"], columns)]
        if result["classes"]:
            counts = dict(zip(clips.splits, zip(*result["counts"])))
            blocks.append(rank_chart(counts, "classes by clips"))
        return Section(summary, blocks)
