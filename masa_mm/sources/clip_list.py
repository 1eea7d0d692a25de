"""CSV or JSON lists of the clips in a folder: labels, signers, splits and image sizes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from masa_mm.pose.files import (
    SourceError,
    read_class_list,
    read_json,
    read_table,
    whole_number,
)
from masa_mm.sources.base import MAX_SIDE

COLUMNS = ("id", "label", "gloss", "signer", "split", "width", "height")
PathLike = str | os.PathLike
Row = Mapping[str, str]


class ListedClip(NamedTuple):
    """A clip's label, signer, split and size (h, w); -1 and None where the list does not tell."""

    label: int = -1
    signer: int = -1
    split: str | None = None
    size: tuple[int, int] | None = None


class ClipList(NamedTuple):
    """The clips of a list by id, the class names, and the ids of the list's other splits."""

    path: str
    clips: dict[str, ListedClip]
    glosses: list[str]
    other_splits: frozenset[str] = frozenset()


class ListCoverage:
    """Compare the clips of a list with those of a folder, which are read one by one.

    Args:
        listed (ClipList): The list.
    """

    def __init__(self, listed: ClipList) -> None:
        self.listed = listed
        self._found: set[str] = set()
        self._of_other_splits: list[str] = []
        self._unlisted: list[str] = []

    def selects(self, name: str) -> bool:
        """Whether a clip of the folder is in the list, in the selected split."""
        if name in self.listed.clips:
            self._found.add(name)
            return True
        left_out = self._of_other_splits if name in self.listed.other_splits else self._unlisted
        left_out.append(name)
        return False

    def notes(self) -> list[str]:
        """Return a sentence for each kind of clip that only the list or only the folder has.

        Raises:
            SourceError: If the folder has clips, but none of the list's.
        """
        path, clips = self.listed.path, self.listed.clips
        if not self._found and (self._of_other_splits or self._unlisted):
            raise SourceError(self._nothing_found())
        notes = []
        missing = [name for name in clips if name not in self._found]
        if missing:
            notes.append(
                f"{path}: {len(missing)} of its {len(clips)} clips are not in the folder, the "
                f"first is '{missing[0]}'"
            )
        if self._of_other_splits:
            count = len(self._of_other_splits)
            notes.append(f"{count} clips are of other splits in {path} and were left out")
        if self._unlisted:
            notes.append(
                f"{len(self._unlisted)} clips are not in {path} and were left out, the first is "
                f"'{self._unlisted[0]}'"
            )
        return notes

    def _nothing_found(self) -> str:
        path, first = self.listed.path, next(iter(self.listed.clips))
        if self._of_other_splits:
            return (
                f"{path}: the folder has none of the split's {len(self.listed.clips)} clips, such "
                f"as '{first}'; its clips, such as '{self._of_other_splits[0]}', are of other "
                "splits: give another --split or folder"
            )
        return (
            f"{path}: lists none of the clips in the folder: the list has '{first}', the folder "
            f"has '{self._unlisted[0]}'; an id is a file name without ending, after its folders "
            "if names repeat"
        )


def read_clip_list(
    path: PathLike,
    class_list: PathLike | None = None,
    first_label: int = 0,
    split: str | None = None,
) -> ClipList:
    """Read a list of clips.

    A ``.csv`` file has a line of column names. A ``.json`` file is a list of objects, or an object
    of objects by id. Of the columns :data:`COLUMNS` only ``id`` is required; others are ignored.
    Signers that are not whole numbers are numbered in alphabetical order.

    Args:
        path (str | os.PathLike): The list.
        class_list (str | os.PathLike | None): Class names in the order of labels. Without it they
            are the list's own pairs of label and gloss, else its glosses in alphabetical order,
            else the labels' numbers.
        first_label (int): Label of the first class in this list: 1 if labels count from 1.
        split (str | None): If given, only the clips of this split are returned.

    Raises:
        SourceError: If the list cannot be read or has a clip twice, or if labels, glosses and class
            list contradict each other; the message names the first such clip.
    """
    rows = _rows(path)
    labels, glosses = resolve_labels(path, rows, class_list, first_label)
    clips: dict[str, ListedClip] = {}
    for row, label, signer in zip(rows, labels, _signers(rows)):
        if row["id"] in clips:
            raise SourceError(f"{path}: lists clip '{row['id']}' twice; list each once")
        clips[row["id"]] = ListedClip(label, signer, row.get("split"), _size(path, row))
    selected = _select_split(path, clips, split)
    return ClipList(str(path), selected, glosses, frozenset(clips.keys() - selected.keys()))


def resolve_labels(
    path: PathLike, rows: Sequence[Row], class_list: PathLike | None, first_label: int
) -> tuple[list[int], list[str]]:
    """Return the label of each row, counted from 0, and the class names.

    A row has ``id`` and ``label``, ``gloss``, both or neither. Other arguments and errors are those
    of :func:`read_clip_list`.
    """
    numbers = [_whole(path, row, "label") - first_label if "label" in row else None for row in rows]
    names = read_class_list(class_list) if class_list is not None else _class_names(rows, numbers)
    _check_range(path, numbers, names, class_list)
    label_of = {name: label for label, name in enumerate(names)}
    labels = []
    for row, number in zip(rows, numbers):
        gloss = row.get("gloss")
        label = number if gloss is None else label_of.get(gloss)
        if label is None and gloss is not None:
            raise SourceError(
                f"{path}: clip '{row['id']}' has gloss '{gloss}', which is not in "
                f"{class_list or 'the list of labels'}; give the class list it was labelled with"
            )
        if label is not None and number not in (None, label):
            raise SourceError(
                f"{path}: clip '{row['id']}' has label {row['label']} and gloss '{gloss}', but "
                f"'{gloss}' is number {label + first_label} of "
                f"{class_list or 'the glosses of the other clips'}; "
                f"{_order_remedy(numbers, rows, label_of)}"
            )
        labels.append(-1 if label is None else label)
    return labels, names


def _class_names(rows: Sequence[Row], numbers: Sequence[int | None]) -> list[str]:
    """Return the class names that a list implies."""
    known = [number for number in numbers if number is not None]
    if not known:
        return sorted({row["gloss"] for row in rows if "gloss" in row})
    # The limit saves memory: _check_range refuses a larger label.
    names = [str(number) for number in range(min(max(known), 100_000) + 1)]
    for row, number in zip(rows, numbers):
        if number is not None and 0 <= number < len(names) and "gloss" in row:
            names[number] = row["gloss"]
    return names


def _check_range(
    path: PathLike, numbers: Sequence[int | None], names: Sequence[str], class_list: PathLike | None
) -> None:
    known = {number for number in numbers if number is not None}
    if not known or (min(known) >= 0 and max(known) < len(names)):
        return
    list_name = class_list or "a class list"
    refuse_off_by_one(path, known, len(names), list_name, "give --first-label 1")
    raise SourceError(
        f"{path}: its labels, counted from 0, run from {min(known)} to {max(known)}, but "
        f"{list_name} has {len(names)} classes; give the class list it was labelled with, and "
        "--first-label"
    )


def _order_remedy(
    numbers: Sequence[int | None], rows: Sequence[Row], label_of: Mapping[str, int]
) -> str:
    """Tell labels that count from 1 from a class list in another order."""
    offsets = {
        number - label_of[row["gloss"]]
        for number, row in zip(numbers, rows)
        if number is not None and row.get("gloss") in label_of
    }
    if offsets == {1}:
        return "all labels are off by one: give --first-label 1"
    return "the class list is in another order: give the one it was labelled with"


def refuse_off_by_one(
    path: PathLike,
    labels: Iterable[int],
    num_classes: int,
    class_list: PathLike = "the class list",
    remedy: str = "subtract 1 from them",
) -> None:
    """Raise a SourceError if labels run from 1 to the number of classes; -1 is ignored.

    The message names the labels' file ``path``, the ``class_list`` and the ``remedy``.
    """
    known = {label for label in labels if label != -1}
    if known and min(known) == 1 and max(known) == num_classes:
        raise SourceError(
            f"{path}: its labels run from 1 to {num_classes}, off by one: {class_list} has "
            f"{num_classes} classes, from 0; {remedy}"
        )


def _rows(path: PathLike) -> list[dict[str, str]]:
    """Read the known columns of all rows as text, without empty fields."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".json"):
        raise SourceError(f"{path}: a list of clips is a .csv or a .json file; give one")
    rows = list(read_table(path)) if suffix == ".csv" else _json_rows(path)
    if not all("id" in row for row in rows):
        raise SourceError(f"{path}: has rows without 'id'; its columns are {', '.join(COLUMNS)}")
    filled = []
    for number, row in enumerate(rows):
        texts = {key: str(row[key]).strip() for key in COLUMNS if row.get(key) is not None}
        filled.append({key: text for key, text in texts.items() if text})
        if "id" not in filled[-1]:
            raise SourceError(f"{path}: entry {number + 1} has an empty id; name every clip")
    return filled


def _json_rows(path: PathLike) -> list[dict[str, Any]]:
    content = read_json(path)
    if isinstance(content, dict) and all(isinstance(row, dict) for row in content.values()):
        content = [{"id": name, **row} for name, row in content.items()]
    if not (isinstance(content, list) and content and all(isinstance(r, dict) for r in content)):
        raise SourceError(
            f"{path}: neither a list of objects nor an object of objects by id; see "
            "docs/data/converters.md"
        )
    return content


def _signers(rows: Sequence[Row]) -> list[int]:
    names = {row["signer"] for row in rows if "signer" in row}
    if all(re.fullmatch(r"-?[0-9]{1,18}", name) for name in names):
        return [int(row.get("signer", -1)) for row in rows]
    number_of = {name: number for number, name in enumerate(sorted(names))}
    return [number_of[row["signer"]] if "signer" in row else -1 for row in rows]


def _whole(path: PathLike, row: Row, key: str) -> int:
    try:
        return whole_number(row[key])
    except ValueError:
        raise SourceError(
            f"{path}: clip '{row['id']}' has {key} '{row[key][:60]}'; give a whole number"
        ) from None


def _size(path: PathLike, row: Row) -> tuple[int, int] | None:
    if "width" not in row and "height" not in row:
        return None
    height, width = (_whole(path, row, key) if key in row else 0 for key in ("height", "width"))
    if min(height, width) <= 0 or max(height, width) > MAX_SIDE:
        raise SourceError(
            f"{path}: clip '{row['id']}' needs a width and a height above 0 and up to {MAX_SIDE}; "
            "give both"
        )
    return height, width


def _select_split(
    path: PathLike, clips: dict[str, ListedClip], split: str | None
) -> dict[str, ListedClip]:
    splits = {clip.split for clip in clips.values()}
    if split is None or splits == {None}:
        return clips
    selected = {name: clip for name, clip in clips.items() if clip.split == split}
    if not selected:
        names = ", ".join(sorted(filter(None, splits)))
        raise SourceError(f"{path}: has no clips of split '{split}'; it has {names}")
    return selected
