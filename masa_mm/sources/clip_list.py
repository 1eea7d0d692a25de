"""Who is who in a folder of poses: a CSV or JSON list of labels, signers, splits and sizes."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from masa_mm.pose.files import SourceError, read_class_list, read_json, read_table

COLUMNS = ("id", "label", "gloss", "signer", "split", "width", "height")


class ListedClip(NamedTuple):
    """What a list says of a clip; -1 and None where it says nothing. ``size`` is (h, w)."""

    label: int = -1
    signer: int = -1
    split: str | None = None
    size: tuple[int, int] | None = None


class ClipList(NamedTuple):
    """The clips of a list by their ids, and the class names."""

    path: str
    clips: dict[str, ListedClip]
    glosses: list[str]


def read_clip_list(
    path: str | os.PathLike,
    class_list: str | os.PathLike | None = None,
    first_label: int = 0,
    split: str | None = None,
) -> ClipList:
    """Read a list of clips.

    A ``.csv`` file has a line of column names, a ``.json`` file is a list of objects or an object
    of objects by id. Of the columns :data:`COLUMNS` only ``id`` is needed; others are ignored.
    Class names come from the class list; without one from the list's own pairs of label and gloss,
    from its glosses in alphabetical order, or from the labels' numbers. Signers that are no whole
    numbers are numbered in alphabetical order.

    Args:
        path: the list.
        class_list: class names in the order of their labels.
        first_label: the label of the first class in this list: 1 for labels counted from one.
        split: take only the clips of that split.

    Raises:
        FileNotFoundError: there is no such file.
        SourceError: it cannot be read, lists a clip twice, or its labels, glosses and the class
            list contradict each other; names the first such clip.
    """
    rows = _rows(path)
    labels, glosses = settle_labels(path, rows, class_list, first_label)
    signers = _signers(path, rows)
    clips: dict[str, ListedClip] = {}
    for row, label, signer in zip(rows, labels, signers):
        if row["id"] in clips:
            raise SourceError(f"{path}: lists clip '{row['id']}' twice; list each once")
        clips[row["id"]] = ListedClip(label, signer, row.get("split"), _size(path, row))
    return ClipList(str(path), _of_split(path, clips, split), glosses)


def _rows(path: str | os.PathLike) -> list[dict[str, str]]:
    """The list's rows, what is empty left out; all values as text."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".json"):
        raise SourceError(f"{path}: a list of clips is a .csv or a .json file; give one")
    rows = list(read_table(path)) if suffix == ".csv" else _objects(path, read_json(path))
    if not all("id" in row for row in rows):
        raise SourceError(f"{path}: has rows without 'id'; its columns are {', '.join(COLUMNS)}")
    known = [
        {key: str(row[key]).strip() for key in COLUMNS if _given(row.get(key))} for row in rows
    ]
    for number, row in enumerate(known):
        if "id" not in row:
            raise SourceError(f"{path}: entry {number + 1} has an empty id; name every clip")
    return known


def _given(value: Any) -> bool:
    return value is not None and str(value).strip() != ""


def _objects(path: str | os.PathLike, content: Any) -> list[dict[str, Any]]:
    if isinstance(content, dict) and all(isinstance(row, dict) for row in content.values()):
        content = [{"id": name, **row} for name, row in content.items()]
    if not (isinstance(content, list) and content and all(isinstance(r, dict) for r in content)):
        raise SourceError(
            f"{path}: neither a list of objects nor an object of objects by id; see "
            "docs/data/converters.md"
        )
    return content


def settle_labels(
    path: str | os.PathLike,
    rows: Sequence[Mapping[str, str]],
    class_list: str | os.PathLike | None,
    first_label: int,
) -> tuple[list[int], list[str]]:
    """The label of each row, counted from 0, and the class names.

    Args:
        path: where the rows are from, for messages.
        rows: of ``id`` and ``label``, ``gloss`` or neither.
        class_list, first_label: as of :func:`read_clip_list`.

    Raises:
        FileNotFoundError: there is no such class list.
        SourceError: labels, glosses and class list contradict each other; names the first clip.
    """
    numbers = [
        None if "label" not in row else _whole(path, row, "label") - first_label for row in rows
    ]
    names = read_class_list(class_list) if class_list is not None else _own_classes(rows, numbers)
    _check_count(path, numbers, names, class_list)
    labels_of = {name: label for label, name in enumerate(names)}
    labels = []
    for row, number in zip(rows, numbers):
        gloss = row.get("gloss")
        named = labels_of.get(gloss) if gloss is not None else number
        if named is None and gloss is not None:
            raise SourceError(
                f"{path}: clip '{row['id']}' has gloss '{gloss}', which is not in "
                f"{class_list or 'the list of labels'}; give the class list it was labelled with"
            )
        if number is not None and number != named:
            raise SourceError(
                f"{path}: clip '{row['id']}' has label {row['label']} and gloss '{gloss}', but "
                f"'{gloss}' is number {named + first_label} of "
                f"{class_list or 'the glosses of the other clips'}; "
                f"{_mend(numbers, rows, labels_of)}"
            )
        labels.append(-1 if named is None else named)
    return labels, names


def _own_classes(rows: Sequence[Mapping[str, str]], numbers: Sequence[int | None]) -> list[str]:
    """Class names that a list implies."""
    glosses = {row["gloss"] for row in rows if "gloss" in row}
    known = [number for number in numbers if number is not None]
    if not known:
        return sorted(glosses)
    # No class list is that long; a wild label is refused below and must not fill the memory here.
    names = [str(number) for number in range(min(max(known), 100_000) + 1)]
    for row, number in zip(rows, numbers):
        if number is not None and 0 <= number < len(names) and "gloss" in row:
            names[number] = row["gloss"]
    return names


def _check_count(
    path: str | os.PathLike,
    numbers: Sequence[int | None],
    names: Sequence[str],
    class_list: str | os.PathLike | None,
) -> None:
    """Labels that run from 1 to the number of classes are counted from one."""
    known = {number for number in numbers if number is not None}
    if not known or (min(known) >= 0 and max(known) < len(names)):
        return
    what = class_list or "a class list"
    refuse_off_by_one(path, known, len(names), what, "give --first-label 1")
    raise SourceError(
        f"{path}: its labels, counted from 0, run from {min(known)} to {max(known)}, but {what} "
        f"has {len(names)} classes; give the class list it was labelled with, and --first-label"
    )


def refuse_off_by_one(
    path: str | os.PathLike,
    labels: Collection[int],
    classes: int,
    what: str | os.PathLike = "the class list",
    remedy: str = "subtract 1 from them",
) -> None:
    """Refuse labels that run from 1 to the number of classes, -1 aside.

    Args:
        path: where they are from.
        labels: all labels.
        classes: how many there are.
        what: names the class list.
        remedy: what mends them.

    Raises:
        SourceError: they do.
    """
    known = {label for label in labels if label != -1}
    if known and min(known) == 1 and max(known) == classes:
        raise SourceError(
            f"{path}: its labels run from 1 to {classes}, off by one: {what} has {classes} "
            f"classes, from 0; {remedy}"
        )


def _mend(
    numbers: Sequence[int | None], rows: Sequence[Mapping[str, str]], labels_of: Mapping[str, int]
) -> str:
    """Off by one everywhere, or another order?"""
    steps = {
        number - labels_of[row["gloss"]]
        for number, row in zip(numbers, rows)
        if number is not None and row.get("gloss") in labels_of
    }
    if steps == {1}:
        return "all labels are off by one: give --first-label 1"
    return "the class list is in another order: give the one it was labelled with"


def _signers(path: str | os.PathLike, rows: Sequence[Mapping[str, str]]) -> list[int]:
    names = {row["signer"] for row in rows if "signer" in row}
    if all(name.removeprefix("-").isdigit() for name in names):
        return [int(row.get("signer", -1)) for row in rows]
    number_of = {name: number for number, name in enumerate(sorted(names))}
    return [number_of[row["signer"]] if "signer" in row else -1 for row in rows]


def _whole(path: str | os.PathLike, row: Mapping[str, str], key: str) -> int:
    try:
        value = float(row[key])
        if not value.is_integer():
            raise ValueError
    except (ValueError, OverflowError):
        raise SourceError(
            f"{path}: clip '{row['id']}' has {key} '{row[key]}'; give a whole number"
        ) from None
    return int(value)


def _size(path: str | os.PathLike, row: Mapping[str, str]) -> tuple[int, int] | None:
    if "width" not in row and "height" not in row:
        return None
    sides = tuple(_whole(path, row, key) if key in row else 0 for key in ("height", "width"))
    if min(sides) <= 0:
        raise SourceError(
            f"{path}: clip '{row['id']}' needs a width and a height above 0; give both"
        )
    return sides


def _of_split(
    path: str | os.PathLike, clips: dict[str, ListedClip], split: str | None
) -> dict[str, ListedClip]:
    splits = {clip.split for clip in clips.values()}
    if split is None or splits == {None}:
        return clips
    chosen = {name: clip for name, clip in clips.items() if clip.split == split}
    if not chosen:
        names = ", ".join(sorted(filter(None, splits)))
        raise SourceError(f"{path}: has no clips of split '{split}'; it has {names}")
    return chosen
