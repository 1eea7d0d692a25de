"""Check of the stores against the official lists of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from masa_mm.datasets.benchmarks import BENCHMARKS
from masa_mm.datasets.official_clip import OfficialClip
from masa_mm.datasets.sign_benchmark import Coverage
from masa_mm.preparation.audit.check import (
    Check,
    Record,
    Section,
    Table,
    bar_chart,
    count,
    percent,
)
from masa_mm.preparation.audit.clips import AuditClips, AuditError

_LISTED = 30


class OfficialPart(NamedTuple):
    """One split of one official list.

    Args:
        file (str): The list.
        title (str): Name of the subset, such as 'WLASL300'.
        split (str): Name of the split.
        clips (Sequence[OfficialClip]): Clips of the split.
        num_classes (int): Classes of the subset.
        classes (Sequence[str] | None): Class names, if they are known.
        is_benchmark (bool): False for a list of the user's own.
    """

    file: str
    title: str
    split: str
    clips: Sequence[OfficialClip]
    num_classes: int
    classes: Sequence[str] | None
    is_benchmark: bool = True


def official_parts(
    clips: AuditClips,
    benchmark: str,
    split_files: Sequence[str],
    class_list: str | None = None,
    subset: int | None = None,
) -> list[OfficialPart]:
    """Read the splits that the stores name from official lists; all splits if one names none.

    Args:
        clips (AuditClips): All clips.
        benchmark (str): A name in :data:`masa_mm.datasets.benchmarks.BENCHMARKS`.
        split_files (Sequence[str]): Official lists; ``{split}`` in a name stands for the split.
        class_list (str | None): File of class names in the order of the labels.
        subset (int | None): Classes of the benchmark's subset; by default those of the list.

    Returns:
        list[OfficialPart]: The splits that have clips, list by list.

    Raises:
        AuditError: The benchmark or subset is unknown, or a list has no clip of the splits.
        FileNotFoundError: A list does not exist.
        DatasetError: The class list cannot be read.
        ListError: An official list cannot be read.
    """
    if benchmark not in BENCHMARKS:
        raise AuditError(f"no benchmark '{benchmark}'; there are {', '.join(BENCHMARKS)}")
    kind = BENCHMARKS[benchmark]
    if subset is not None and subset not in kind.SUBSETS:
        subsets = ", ".join(map(str, kind.SUBSETS)) or "none"
        raise AuditError(f"{kind.NAME} has no subset {subset}; it has {subsets}")
    classes = kind.read_classes(class_list) if class_list else None
    known = [name for name, members in kind.SPLITS.items() if members == (name,)]
    stored = {store.split for store in clips.stores}
    splits = [name for name in known if name in stored] if stored <= set(known) else known
    parts: list[OfficialPart] = []
    for path in map(str, split_files):
        for split in splits:
            official = kind.official_split(path, split, classes)
            size = subset or official.size
            title = f"{kind.NAME}{size}" if len(kind.SUBSETS) > 1 else kind.NAME
            selected = [clip for clip in official.clips if clip.label < size]
            names = classes or official.classes
            if selected:
                part = path, title, split, selected, size, names, kind.is_benchmark()
                parts.append(OfficialPart(*part))
        if not any(part.file == path for part in parts):
            raise AuditError(f"{path}: has no clip of {' or '.join(splits)}; give another list")
    return parts


@dataclass(frozen=True)
class OfficialLists(Check):
    """Clips of official lists that the stores have.

    A clip is found if a store has a clip of its name, or the whole video that it is a part of.
    Scores on part of a benchmark are not comparable with published ones. The JSON names every
    missing clip.
    """

    name = "coverage"
    title = "Official lists"
    parts: Sequence[OfficialPart] = ()

    def compute(self, clips: AuditClips, results: Mapping[str, Any]) -> list[Record]:
        """Compare each official split with the clips, see :func:`official_coverage`."""
        return [official_coverage(clips, part) for part in self.parts]

    def show(self, clips: AuditClips, result: list[Record]) -> Section:
        """Show what is found and what is missing by class."""
        columns = {
            "list": "{title} {split}",
            "found": "found",
            "official": "official",
            "share": lambda part: percent(_found_share(part)),
            "classes with a clip": "{classes_found:,} of {classes:,}",
            "in the store of another split": lambda part: len(part["other_split"]),
            "with another label": lambda part: len(part["other_label"]),
        }
        wrong = sum(len(part["other_label"]) + len(part["other_split"]) for part in result)
        by_title: dict[str, list[str]] = {}
        for part in result:
            words = f"{part['found']:,} of {part['official']:,} {part['split']}"
            by_title.setdefault(part["title"], []).append(words)
        summary = "; ".join(f"{title}: {', '.join(words)}" for title, words in by_title.items())
        contradiction = f". {count(wrong, 'clip')} contradict the lists" if wrong else ""
        texts = ["{found:,} of {official:,}".format_map(part) for part in result]
        bars = {"{title} {split}".format_map(part): _found_share(part) for part in result}
        chart = bar_chart(bars, "official clips found", texts)
        return Section(
            f"{summary} clips{contradiction}",
            [chart, Table(result, columns), *map(_missing_table, result)],
            alarm=wrong > 0 or any(part["found"] < part["official"] for part in result),
        )


def official_coverage(clips: AuditClips, part: OfficialPart) -> Record:
    """Compare the clips with one split of an official list.

    Returns:
        dict: ``title``, ``split``, ``file``, numbers of ``found`` and ``official`` clips,
        ``coverage`` in words, ``classes`` of the list, ``classes_found`` (with a clip), ``missing``
        (classes that lack clips: ``label``, ``gloss``, ``found``, ``official``), ``missing_ids``,
        ``other_split`` (clips in the store of another split) and ``other_label`` (clips with
        another label in the store: ``label`` and ``official`` label).
    """
    row = {name: number for number, name in reversed(list(enumerate(clips.ids)))}
    names_of_clips = ((clip.id, *clip.videos) for clip in part.clips)
    rows = [next((row[name] for name in names if name in row), -1) for names in names_of_clips]
    index = np.array(rows, np.int64)
    label = np.array([clip.label for clip in part.clips], np.int64)
    official = np.bincount(label, minlength=part.num_classes)
    found = np.bincount(label[index >= 0], minlength=part.num_classes)
    names = part.classes or clips.glosses
    missing = [
        dict(
            label=n,
            gloss=names[n] if n < len(names) else str(n),
            found=int(found[n]),
            official=int(official[n]),
        )
        for n in np.flatnonzero(found < official).tolist()
    ]
    counts = int(found.sum()), len(label)
    coverage = Coverage(part.title, part.split, *counts, part.is_benchmark)
    elsewhere = np.array([store.split not in ("", part.split) for store in clips.stores])
    stored, label = index[index >= 0], label[index >= 0]
    relabelled = (clips.label[stored] >= 0) & (clips.label[stored] != label)
    return dict(
        title=part.title,
        split=part.split,
        file=part.file,
        found=coverage.found,
        official=coverage.official,
        coverage=str(coverage),
        classes=int((official > 0).sum()),
        classes_found=int((found > 0).sum()),
        missing=missing,
        missing_ids=[clip.id for clip, number in zip(part.clips, index) if number < 0],
        other_split=clips.describe_all(stored[elsewhere[clips.store[stored]]]),
        other_label=[
            clips.describe(int(n)) | dict(label=int(clips.label[n]), official=int(expected))
            for n, expected in zip(stored[relabelled], label[relabelled])
        ],
    )


def _found_share(part: Record) -> float:
    return part["found"] / max(part["official"], 1)


def _missing_table(part: Record) -> Table:
    missing = sorted(part["missing"], key=_found_share)
    more = f", the {_LISTED} worst" if len(missing) > _LISTED else ""
    classes = count(len(missing), "class", "classes")
    caption = f"{part['title']} {part['split']}: {classes} with missing clips{more}"
    columns = {"class": "gloss", "found": "found", "official": "official"}
    return Table(missing[:_LISTED], columns, caption=caption, small=True)
