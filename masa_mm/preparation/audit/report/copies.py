"""Sections on clips that show one recording."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from masa_mm.preparation.audit.checks.clip_descriptor import NUM_TIMES
from masa_mm.preparation.audit.clips import AuditClips
from masa_mm.preparation.audit.report import figures
from masa_mm.preparation.audit.report.section import Picture, Section, Table, count, percent
from masa_mm.visualization import plot_clip

_LISTED = 30


def identical_section(clips: AuditClips, found: dict[str, Any]) -> Section:
    """Clips with the same bytes."""
    return Section(
        "Identical clips",
        _group_summary(found, "identical"),
        "Clips whose stored joints and scores are the same, byte for byte. Twins across splits "
        "leak test clips into training; twins with different labels cannot be told apart by any "
        "network, so they bound its accuracy.",
        alarm=found["num_groups"] > 0,
        blocks=[_twins(found), _groups(found)] if found["groups"] else [],
    )


def near_section(clips: AuditClips, found: dict[str, Any]) -> Section:
    """Clips that show one recording."""
    threshold, closest = found["threshold"], found["closest_of_two_signers"]
    two = "No two clips of different known signers come near."
    if closest:
        names = " and ".join(f"'{clip['gloss'] or clip['id']}'" for clip in closest["clips"])
        two = (
            f"The closest clips of two different signers, {names}, are {closest['distance']:.3f} "
            "apart: below that, distances tell recordings apart."
        )
    pictures = [
        Picture(
            plot_clip(*clips.clip(number)),
            _describe(clips, number) + f" (the pair is {pair['distance']:.3f} apart)",
            small=True,
        )
        for pair in found["examples"]
        for number in pair["numbers"]
    ]
    about = (
        "One recording, re-encoded, trimmed or resized. Each clip is cut to the frames with hands, "
        f"read at {NUM_TIMES} evenly spread times and freed of each part's place and size; "
        f"near-duplicates are less than {threshold:g} apart (0 is the same, 1.41 nothing in "
        f"common), groups are what such pairs connect. {two}"
    )
    caption = "Pairs of clips at each distance; the many farther ones are cut off above"
    blocks = [Picture(figures.pair_distances(found["pairs"], threshold), caption)]
    if found["groups"]:
        blocks += [_twins(found), _groups(found), *pictures]
    return Section(
        "Near-duplicate clips",
        _group_summary(found, "near-duplicate", "further "),
        about,
        alarm=found["num_groups"] > 0,
        blocks=blocks,
    )


def leaks_section(clips: AuditClips, found: list[dict[str, Any]]) -> Section:
    """Clips to be scored on that training shows already."""
    total = dict(zip(clips.splits, np.bincount(clips.store, minlength=len(clips.splits)).tolist()))
    rows = [
        [
            leak["split"],
            f"{len(leak['ids']):,}",
            percent(len(leak["ids"]) / total[leak["split"]]),
            f"{leak['other_labels']:,}",
            exclude_name(leak["split"]),
        ]
        for leak in found
    ]
    columns = ("clips of", "with a twin in train", "share", "only of others' signs", "list of them")
    told = (
        f"{len(leak['ids']):,} of {count(total[leak['split']], 'clip')} of {leak['split']}"
        for leak in found
    )
    return Section(
        "Twins in train",
        ", ".join(told),
        "Clips that show the same recording as a clip of train, identical or near-duplicate. A "
        "network that has learnt its twins by heart knows them, or knows them wrongly. To score "
        "without them, give the list beside this page as exclude=... to the split's dataset, and "
        "say so beside the score.",
        alarm=any(leak["ids"] for leak in found),
        blocks=[Table(columns, rows)],
    )


def exclude_name(split: str) -> str:
    """Name of the file that lists a split's clips with a twin in train."""
    # A store may name its split as it likes, also as a path out of the folder.
    return "exclude_" + re.sub(r"[^\w-]", "_", split) + ".txt"


def _describe(clips: AuditClips, number: int) -> str:
    clip = clips.describe(number)
    signer = f", signer {clip['signer']}" if clip["signer"] >= 0 else ""
    sign = f"'{clip['gloss']}', " if clip["gloss"] else ""
    return f"{sign}{clip['split']}/{clip['id']}{signer}, {count(clip['num_frames'], 'frame')}"


def _group_summary(found: dict[str, Any], kind: str, further: str = "") -> str:
    if not found["num_groups"]:
        return f"No {further}{kind} clips"
    return (
        f"{count(found['num_groups'], f'{further}group')} of {kind} clips with "
        f"{count(found['num_clips'], 'clip')}; {count(found['across_labels'], 'group')} across "
        f"labels, {found['across_splits']:,} across splits"
    )


def _twins(found: dict[str, Any]) -> Table:
    rows = [
        [
            twin["split"],
            twin["other"],
            f"{twin['clips']:,}",
            percent(twin["clips"] / max(twin["total"], 1)),
            f"{twin['same_label']:,}",
            f"{twin['clips'] - twin['same_label']:,}",
        ]
        for twin in found["twins"]
    ]
    columns = (
        "clips of",
        "with a twin in",
        "clips",
        "share",
        "of its label",
        "only of others",
    )
    return Table(columns, rows)


def _groups(found: dict[str, Any]) -> Table:
    largest = sorted(found["groups"], key=len, reverse=True)[:_LISTED]
    rows = [
        [
            len(group),
            ", ".join(dict.fromkeys(clip["gloss"] or "-" for clip in group)),
            ", ".join(f"{clip['split']}/{clip['id']}" for clip in group),
        ]
        for group in largest
    ]
    more = f", the {_LISTED} largest" if found["num_groups"] > _LISTED else ""
    return Table(("clips", "signs", "names"), rows, f"Groups{more}")
