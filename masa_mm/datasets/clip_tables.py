"""Lists of clips as tables: CSV files with a path, a gloss, a signer and a split per line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from masa_mm.datasets.official_clip import OfficialClip, OfficialList
from masa_mm.datasets.official_lists import ListError
from masa_mm.datasets.table_rows import (
    Fields,
    TableFormat,
    found_in_path,
    read_fields,
    split_paths,
)
from masa_mm.pose.clip_ids import file_id, ids_of_paths, path_end, path_parts
from masa_mm.pose.files import whole_number

_MOST_CLASSES = 100_000


def read_clip_table(
    path: str, classes: Sequence[str] | None = None, kind: TableFormat | None = None
) -> OfficialList:
    """Read the clips of all splits.

    An ``id`` is taken as it is, a ``path`` gives the id by the rule of
    :mod:`masa_mm.pose.clip_ids`, applied to all splits together. Longer and shorter ends of the
    path are other names of the clip (``OfficialClip.videos``), where no other clip has them.
    Whole numbers in a column ``label`` are labels; without it labels are positions in ``classes``,
    by default the sorted glosses of all splits. Signers have the numbers of
    :func:`number_signers`.

    Args:
        path (str): The list, plain or ``.gz``; '{split}' in it stands for the split's name.
        classes (Sequence[str], optional): The class names in label order.
        kind (TableFormat, optional): How it is written; by default with a line of column names.

    Raises:
        FileNotFoundError: If there is no such file.
        ListError: If it cannot be read, or contradicts itself or the class list.
    """
    kind = kind or TableFormat()
    files = split_paths(path, kind.splits)
    rows = [row for split, file in files.items() for row in read_fields(file, split, kind)]
    if not rows:
        raise ListError(f"{path}: lists no clip; give a list with some")
    labels, names = _labels(path, rows, classes, kind)
    clips: dict[str, OfficialClip] = {}
    path_of: dict[str, str] = {}
    ids, signers = _ids(rows, kind), _signers(rows, kind)
    ends = _other_ends(rows, ids)
    for row, name, label, signer, other in zip(rows, ids, labels, signers, ends):
        split = split_of(signer, kind.signer_splits) if kind.signer_splits else row.get("split")
        clip = OfficialClip(name, split, label, signer, (*_videos(row, name, kind), *other))
        listed_path = path_of.setdefault(name, row.get("path", ""))
        if clips.setdefault(name, clip) != clip or row.get("path", "") != listed_path:
            raise ListError(
                f"{row['at']}: lists clip '{name}' again with another path, label, split or "
                "signer; remove the wrong line"
            )
    return OfficialList(list(clips.values()), names)


# ---- ids, signers, labels ----------------------------------------------------------------------


def _ids(rows: Sequence[Fields], kind: TableFormat) -> list[str]:
    paths = [row["path"] for row in rows if "id" not in row]
    fixed = kind.id_parts
    by_path = iter(ids_of_paths(paths) if fixed is None else [path_end(p, fixed) for p in paths])
    return ["/".join(_id_parts(row["id"])) if "id" in row else next(by_path) for row in rows]


def _videos(row: Fields, name: str, kind: TableFormat) -> tuple[str, ...]:
    """Return the other names of a clip's video; with an id, its path is one."""
    named = (file_id(row["path"]),) if "id" in row and "path" in row else ()
    return (*named, *(video.format(name) for video in kind.videos))


def _other_ends(rows: Sequence[Fields], ids: Sequence[str]) -> list[list[str]]:
    """Return the other ends of each path that name it alone, of two parts or more.

    Poses converted from a part of the files may have fewer or more folders in their ids.
    """
    parts = [path_parts(row.get("path", "")) for row in rows]
    ends = [["/".join(p[-length:]) for length in range(2, len(p) + 1)] for p in parts]
    once = {tuple(of): of for of in ends}.values()
    count = Counter(chain.from_iterable(once))
    taken = set(ids)
    return [[end for end in of if count[end] == 1 and end not in taken] for of in ends]


def _id_parts(name: str) -> list[str]:
    """Return the parts of an id, whose ending is not removed."""
    return [*path_parts(name)[:-1], name.replace("\\", "/").rsplit("/", 1)[-1]]


def _signers(rows: Sequence[Fields], kind: TableFormat) -> list[int]:
    """Return the signer of each row, -1 where it is unknown."""
    if kind.signer:
        return [_signer_number(found_in_path(kind.signer, row, "signer"), row) for row in rows]
    number_of = number_signers({row["signer"] for row in rows if "signer" in row})
    return [number_of.get(row.get("signer", ""), -1) for row in rows]


def _signer_number(text: str, row: Fields) -> int:
    try:
        return whole_number(text)
    except ValueError:
        raise ListError(
            f"{row['at']} has signer '{text[:60]}'; give the files' original names"
        ) from None


def number_signers(names: Iterable[str]) -> dict[str, int]:
    """Return the number of each signer: that in its name, or else its alphabetical position.

    Example:
        >>> number_signers(["P3", "P12"]), number_signers(["Ann", "Bob"])
        ({'P12': 12, 'P3': 3}, {'Ann': 0, 'Bob': 1})
    """
    ordered = sorted(names)
    matches = [re.fullmatch(r"(\D*)(\d{1,9})", name) for name in ordered]
    if all(matches) and len({match[1] for match in matches if match}) <= 1:
        return {match[0]: int(match[2]) for match in matches if match}
    return {name: number for number, name in enumerate(ordered)}


def split_of(signer: int, splits: Mapping[str, Sequence[int]]) -> str:
    """Return the split of a signer; 'train' if none lists the signer."""
    return next((split for split, signers in splits.items() if signer in signers), "train")


def _labels(
    path: str, rows: Sequence[Fields], classes: Sequence[str] | None, kind: TableFormat
) -> tuple[list[int], list[str]]:
    """Return the label of each row and the class names."""
    if all(re.fullmatch(r"\d{1,9}", row.get("label", "")) for row in rows):
        return _numbered(path, rows, classes, kind)
    glosses = [row.get("gloss") or row["label"] for row in rows]
    names = list(classes) if classes is not None else sorted(set(glosses))
    label_of = {name: label for label, name in enumerate(names)}
    for row, gloss in zip(rows, glosses):
        if gloss not in label_of:
            raise ListError(
                f"{row['at']} has gloss '{gloss}', which is not in the class list; give the class "
                "list of these signs, or none"
            )
    return [label_of[gloss] for gloss in glosses], names


def _numbered(
    path: str, rows: Sequence[Fields], classes: Sequence[str] | None, kind: TableFormat
) -> tuple[list[int], list[str]]:
    """Return the labels that the list gives as numbers, and the class names."""
    labels = [int(row["label"]) for row in rows]
    last = _MOST_CLASSES if classes is None else len(classes) - 1
    if max(labels) > last or (classes is None and min(labels) == 1):
        raise ListError(
            f"{path}: its labels run from {min(labels)} to {max(labels)}; they must count from 0 "
            f"to {'the last class' if classes is None else last}: subtract 1 if they count from 1, "
            "or give the class list"
        )
    names = _names_of_labels(rows, labels) if classes is None else list(classes)
    number_of = {name: number for number, name in enumerate(names)}
    for row, label in zip(rows, labels):
        gloss = row.get("gloss", names[label])
        if number_of.get(gloss) != label and (classes is None or gloss in number_of):
            raise ListError(
                f"{row['at']} gives '{gloss}' the label {label}, but another line or the class "
                "list says otherwise; give each sign one label"
            )
    return labels, names


def _names_of_labels(rows: Sequence[Fields], labels: Sequence[int]) -> list[str]:
    """Return the gloss of each label, its number where no row has one."""
    gloss_of: dict[int, str] = {}
    for row, label in zip(rows, labels):
        gloss_of.setdefault(label, row.get("gloss", str(label)))
    return [gloss_of.get(label, str(label)) for label in range(max(labels) + 1)]
