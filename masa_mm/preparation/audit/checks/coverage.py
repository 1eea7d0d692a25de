"""What of the official lists is there, what is missing, and what contradicts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from masa_mm.datasets.benchmarks import BENCHMARKS
from masa_mm.datasets.official_clip import OfficialClip
from masa_mm.datasets.sign_benchmark import Coverage, SignBenchmark
from masa_mm.preparation.audit.clips import AuditClips, AuditError


class OfficialPart(NamedTuple):
    """One split of one official list.

    Args:
        file: the list.
        title: name of the benchmark's subset, 'WLASL300'.
        split: 'train', ...
        clips: the split's clips.
        num_classes: of the subset.
        classes: their names; None: the list has none.
    """

    file: str
    title: str
    split: str
    clips: Sequence[OfficialClip]
    num_classes: int
    classes: Sequence[str] | None


def official_parts(
    clips: AuditClips,
    benchmark: str,
    split_files: Sequence[str],
    class_list: str | None = None,
    subset: int | None = None,
) -> list[OfficialPart]:
    """Read official lists: of each the splits that the stores name, or all if one names none.

    Args:
        clips: all clips.
        benchmark: 'wlasl', 'msasl', 'nmfs_csl' or 'slr500'.
        split_files: official lists; for a list a split write ``{split}`` in its place.
        class_list: file of the class names, in the order of their labels.
        subset: of the benchmark; by default that of the list.

    Raises:
        AuditError: an unknown benchmark or subset, or a list without a clip of the splits.
        FileNotFoundError, DatasetError, ListError: a list cannot be read.
    """
    if benchmark not in BENCHMARKS:
        raise AuditError(f"no benchmark '{benchmark}'; there are {', '.join(BENCHMARKS)}")
    kind = BENCHMARKS[benchmark]
    if subset is not None and subset not in kind.SUBSETS:
        raise AuditError(
            f"{kind.NAME} has no subset {subset}; it has {', '.join(map(str, kind.SUBSETS))}"
        )
    classes = kind.read_classes(class_list) if class_list else None
    single = [name for name, members in kind.SPLITS.items() if members == (name,)]
    named = [store.split for store in clips.stores]
    splits = [name for name in single if name in named] if set(named) <= set(single) else single
    parts = []
    for path in split_files:
        read = [_read(kind, str(path), split, classes, subset) for split in splits]
        if not any(part.clips for part in read):
            raise AuditError(f"{path}: has no clip of {' or '.join(splits)}; give another list")
        parts += [part for part in read if part.clips]
    return parts


def _read(
    kind: type[SignBenchmark],
    path: str,
    split: str,
    classes: Sequence[str] | None,
    subset: int | None,
) -> OfficialPart:
    official = kind.official_split(path, split, classes)
    size = subset or official.size
    chosen = [clip for clip in official.clips if clip.label < size]
    title = f"{kind.NAME}{size}" if len(kind.SUBSETS) > 1 else kind.NAME
    return OfficialPart(path, title, split, chosen, size, classes or official.classes)


def official_coverage(clips: AuditClips, part: OfficialPart) -> dict[str, Any]:
    """Compare the clips with one split of an official list.

    A clip is there if a store has one of its name, or of the name of the whole video that it is to
    be cut from.

    Returns:
        ``title``, ``split``, ``file``, ``found`` and ``official`` clips, ``coverage`` in words,
        ``classes`` (of the list), ``classes_found`` (with a clip), ``missing`` (classes that lack a
        clip: ``label``, ``gloss``, ``found``, ``official``), ``missing_ids``, ``other_split``
        (clips that lie in a store of another split's name) and ``other_label`` (clips that a store
        labels otherwise, with both labels).
    """
    row = {name: number for number, name in reversed(list(enumerate(clips.ids)))}
    where = np.array([_find(clip, row) for clip in part.clips], np.int64)
    label = np.array([clip.label for clip in part.clips], np.int64)
    there = where >= 0
    official, found = (
        np.bincount(label[chosen], minlength=part.num_classes)
        for chosen in (np.ones(len(label), bool), there)
    )
    lacking = np.flatnonzero(found < official)
    coverage = Coverage(part.title, part.split, int(there.sum()), len(label))
    return dict(
        title=part.title,
        split=part.split,
        file=part.file,
        found=coverage.found,
        official=coverage.official,
        coverage=str(coverage),
        classes=int((official > 0).sum()),
        classes_found=int((found > 0).sum()),
        missing=[
            dict(
                label=n,
                gloss=_gloss(clips, part, n),
                found=int(found[n]),
                official=int(official[n]),
            )
            for n in lacking.tolist()
        ],
        missing_ids=[clip.id for clip, is_there in zip(part.clips, there) if not is_there],
        other_split=_in_other_split(clips, part, where[there]),
        other_label=_labelled_otherwise(clips, part, where, label),
    )


def _find(clip: OfficialClip, row: dict[str, int]) -> int:
    return next((row[name] for name in (clip.id, *clip.videos) if name in row), -1)


def _gloss(clips: AuditClips, part: OfficialPart, label: int) -> str:
    names = part.classes or clips.glosses
    return names[label] if label < len(names) else str(label)


def _in_other_split(clips: AuditClips, part: OfficialPart, where: np.ndarray) -> list[dict]:
    named = np.array([store.split not in ("", part.split) for store in clips.stores])
    return [clips.describe(n) for n in where[named[clips.store[where]]].tolist()]


def _labelled_otherwise(
    clips: AuditClips, part: OfficialPart, where: np.ndarray, label: np.ndarray
) -> list[dict]:
    there = np.flatnonzero(where >= 0)
    stored = clips.label[where[there]]
    differ = there[(stored >= 0) & (stored != label[there])]
    return [
        clips.describe(int(where[n]))
        | dict(label=int(clips.label[where[n]]), official=int(label[n]))
        for n in differ.tolist()
    ]
