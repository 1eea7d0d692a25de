"""Sections on which clips there are: official lists, signers, classes."""

from __future__ import annotations

from typing import Any

from masa_mm.preparation.audit.clips import AuditClips
from masa_mm.preparation.audit.report import figures
from masa_mm.preparation.audit.report.section import Picture, Section, Table, count, percent

_LISTED = 30


def coverage_section(clips: AuditClips, parts: list[dict[str, Any]]) -> Section:
    """Official lists against what is there."""
    wrong = sum(len(part["other_label"]) + len(part["other_split"]) for part in parts)
    rows = [
        [
            f"{part['title']} {part['split']}",
            f"{part['found']:,}",
            f"{part['official']:,}",
            percent(part["found"] / max(part["official"], 1)),
            f"{part['classes_found']:,} of {part['classes']:,}",
            len(part["other_split"]),
            len(part["other_label"]),
        ]
        for part in parts
    ]
    columns = ("list", "found", "official", "share", "classes with a clip")
    blocks = [
        Picture(figures.coverage_bars(parts)),
        Table((*columns, "in another split's store", "labelled otherwise"), rows),
    ]
    blocks += [_missing(part) for part in parts]
    return Section(
        "Official lists",
        _found(parts) + (f". {count(wrong, 'clip')} contradict the lists" if wrong else ""),
        "A clip is found if a store has one of its name, or the whole video it is to be cut from. "
        "Scores on part of a benchmark are not comparable with published ones. The JSON names "
        "every missing clip.",
        alarm=wrong > 0 or any(part["found"] < part["official"] for part in parts),
        blocks=blocks,
    )


def _found(parts: list[dict[str, Any]]) -> str:
    by_title: dict[str, list[str]] = {}
    for part in parts:
        words = f"{part['found']:,} of {part['official']:,} {part['split']}"
        by_title.setdefault(part["title"], []).append(words)
    return "; ".join(f"{title}: {', '.join(words)}" for title, words in by_title.items()) + " clips"


def _missing(part: dict[str, Any]) -> Table:
    missing = sorted(part["missing"], key=lambda entry: entry["found"] / entry["official"])
    rows = [[entry[key] for key in ("gloss", "found", "official")] for entry in missing[:_LISTED]]
    more = f", the {_LISTED} worst" if len(missing) > _LISTED else ""
    caption = f"{part['title']} {part['split']}: {count(len(missing), 'class', 'classes')} "
    caption += f"with missing clips{more}"
    return Table(("class", "found", "official"), rows, caption, small=True)


def signers_section(clips: AuditClips, found: dict[str, Any]) -> Section:
    """Who signs."""
    splits = found["splits"]
    order = [split["split"] for split in splits]
    # Of each two splits the later is that of validation or test, as people give them.
    shared = [
        pair
        for pair in found["shared"]
        if pair["signers"] and order.index(pair["split"]) > order.index(pair["other"])
    ]
    known = sum(split["known"] for split in splits)
    if not known:
        summary = "The signers are not known"
    elif len(splits) == 1:
        summary = f"{count(splits[0]['signers'], 'signer')}"
    elif not shared:
        summary = "No signer is in two splits"
    else:
        summary = "; ".join(
            f"{count(pair['signers'], 'signer')} of {pair['split']} also in {pair['other']} "
            f"({percent(pair['clips'] / splits[order.index(pair['split'])]['clips'])} of its clips)"
            for pair in shared
        )
    rows = [
        [split["split"], f"{split['signers']:,}", percent(split["known"] / split["clips"])]
        + [f"{(split['clips_each'] or [0])[0]:,}"]
        for split in splits
    ]
    blocks: list[Table | Picture] = [
        Table(("split", "signers", "clips with a known signer", "clips of the most frequent"), rows)
    ]
    if known:
        counts = {split["split"]: split["clips_each"] for split in splits}
        blocks.append(Picture(figures.by_rank(counts, "signers by clips", "clips"), small=True))
    return Section(
        "Signers",
        summary,
        "Where signers of the test clips also train, scores do not tell how new signers are read.",
        alarm=bool(shared),
        blocks=blocks,
    )


def balance_section(clips: AuditClips, found: dict[str, Any]) -> Section:
    """Clips of each class."""
    rows = [
        [
            split["split"],
            f"{split['labelled']:,}",
            f"{split['unlabelled']:,}",
            f"{split['present']:,} of {found['classes']:,}",
            f"{split['least']} / {split['median']:g} / {split['most']}",
            f"{split['only_here']:,}",
        ]
        for split in found["splits"]
    ]
    columns = ("split", "labelled", "unlabelled", "classes", "clips a class: least / median / most")
    counts = {
        split["split"]: [of_class[store] for of_class in found["counts"]]
        for store, split in enumerate(found["splits"])
    }
    blocks: list[Table | Picture] = [Table((*columns, "classes in no other split"), rows)]
    if found["classes"]:
        picture = figures.by_rank(counts, "classes by clips", "clips")
        blocks.append(Picture(picture, small=True))
    return Section(
        "Class balance",
        "; ".join(
            f"{split['split']}: {split['least']} to {split['most']} clips a class, "
            f"{split['median']:g} in the middle"
            for split in found["splits"]
        ),
        "The number of clips of each class, over the classes with a clip. A class that no training "
        "clip has cannot be recognised. The JSON counts every class.",
        blocks=blocks,
    )
