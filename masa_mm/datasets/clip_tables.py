"""Lists of clips as tables: CSV files with a path, a gloss, a signer and a split per line.

A :class:`TableFormat` says how a list is written; :func:`read_clip_table` reads it.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from masa_mm.datasets.official_clip import OfficialClip, OfficialList
from masa_mm.datasets.official_lists import ListError
from masa_mm.pose.clip_ids import file_id, ids_of_paths, path_parts
from masa_mm.pose.files import foreign_kind, require_file

# Accepted names of the columns, without regard to case, blanks, '-' and '_'; the first counts.
COLUMNS = MappingProxyType(
    dict(
        id=("id", "clip_id", "video_id"),
        path=("path", "file", "filename", "filepath", "video", "video_file", "video_path"),
        gloss=("gloss", "sign", "word", "class_name", "label_name"),
        label=("label", "class", "class_id"),
        signer=("signer", "signer_id", "participant", "participant_id", "user_id"),
        split=("split", "subset"),
    )
)
# Accepted names of the splits.
SPLITS = MappingProxyType(
    dict(
        train=("train", "training"),
        val=("val", "valid", "validation", "dev"),
        test=("test", "testing"),
    )
)
_MISSING = "no such list of clips"
# A limit for damaged and malicious files; the largest list of a benchmark has 10 MiB.
_MOST_BYTES = 2**28
_MOST_CLASSES = 100_000

Fields = dict[str, str]


class TableFormat(NamedTuple):
    """How a list of clips is written.

    Args:
        columns (Mapping[str, Sequence[str]]): Accepted column names of each field in
            :data:`COLUMNS`.
        header (Sequence[str]): Column names of a list without a line of them.
        separator (str | None): Between the columns. None: the most frequent of comma, semicolon,
            tab and '|' in the first line.
        signer (str): Regular expression whose group is the signer's number in a path.
        videos (Sequence[str]): Other names of a clip's video; '{}' stands for the clip's id.
    """

    columns: Mapping[str, Sequence[str]] = COLUMNS
    header: Sequence[str] = ()
    separator: str | None = None
    signer: str = ""
    videos: Sequence[str] = ()


def split_paths(path: str) -> dict[str | None, str]:
    """Return the files of a list by their splits; a list without '{split}' has the key None.

    '{split}' stands for any of the names in :data:`SPLITS`; a split without a file is left out.

    Raises:
        FileNotFoundError: If there is none of the files.
    """
    if "{split}" not in path:
        return {None: path}
    files: dict[str | None, str] = {}
    for split, names in SPLITS.items():
        named = [path.replace("{split}", name) for name in names]
        found = next(filter(os.path.isfile, named), None)
        if found is not None:
            files[split] = found
    if not files:
        raise FileNotFoundError(f"{path}: {_MISSING} for any of {', '.join(SPLITS)}")
    return files


def read_clip_table(
    path: str, classes: Sequence[str] | None = None, kind: TableFormat | None = None
) -> OfficialList:
    """Read the clips of all splits.

    An ``id`` is taken as it is, a ``path`` gives the id by the rule of
    :mod:`masa_mm.pose.clip_ids`, applied to all splits together. Whole numbers in a column
    ``label`` are labels; without it labels are positions in ``classes``, by default the sorted
    glosses of all splits. Signers that are names are numbered in alphabetical order.

    Args:
        path (str): The list, plain or ``.gz``; '{split}' in it stands for the split's name.
        classes (Sequence[str], optional): The class names in label order.
        kind (TableFormat, optional): How it is written; by default with a line of column names.

    Raises:
        FileNotFoundError: If there is no such file.
        ListError: If it cannot be read, or contradicts itself or the class list.
    """
    kind = kind or TableFormat()
    files = split_paths(path).items()
    rows = [row for split, file in files for row in read_fields(file, split, kind)]
    if not rows:
        raise ListError(f"{path}: lists no clip; give a list with some")
    labels, names = _labels(path, rows, classes)
    clips: dict[str, OfficialClip] = {}
    for row, name, label, signer in zip(rows, _ids(rows), labels, _signers(rows, kind)):
        clip = OfficialClip(name, row.get("split"), label, signer, _videos(row, name, kind))
        if clips.setdefault(name, clip) != clip:
            raise ListError(
                f"{row['at']}: lists clip '{name}' again with another label, split or signer; "
                "remove the wrong line"
            )
    return OfficialList(list(clips.values()), names)


# ---- files and rows ----------------------------------------------------------------------------


def read_list_text(path: str | os.PathLike) -> str:
    """Read a list as text, gzipped or not, with or without a byte order mark.

    Raises:
        FileNotFoundError: If there is no such file.
        ListError: If it is damaged, no UTF-8 text, or larger than 256 MiB.
    """
    require_file(path, _MISSING)
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if zipped else open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ListError(f"{path}: not a complete gzip file ({error}); download it again") from None
    kind = foreign_kind(data)
    if kind or len(data) > _MOST_BYTES:
        raise ListError(f"{path}: not a list of clips but {kind or 'more than 256 MiB'}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ListError(f"{path}: not UTF-8 text; save the list as 'CSV UTF-8'") from None


def read_cells(
    path: str | os.PathLike, separator: str | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Iterate over the lines of a table that are not empty: place ('FILE: line 3') and cells.

    Arguments are those of :class:`TableFormat`, errors those of :func:`read_list_text`.
    """
    text = read_list_text(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = separator or max(",;\t|", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield f"{path}: line {reader.line_num}", cells
    except csv.Error as error:
        raise ListError(f"{path}: line {reader.line_num} is not CSV ({error})") from None


def read_fields(path: str, split: str | None, kind: TableFormat) -> Iterator[Fields]:
    """Iterate over the known fields of a file's rows, without empty ones; 'at' is the place."""
    lines = read_cells(path, kind.separator)
    names = kind.header or next(lines, ("", []))[1]
    columns = find_columns(path, names, kind.columns)
    for place, cells in lines:
        if len(cells) < len(names) or any(cells[len(names) :]):
            raise ListError(
                f"{place} has {len(cells)} cells, the list has {len(names)} columns; quote cells "
                "that contain the separator"
            )
        row = {field: cells[number] for field, number in columns.items() if cells[number]}
        yield _check_row(row | dict(at=place), split)


def find_columns(
    path: str, names: Sequence[str], accepted: Mapping[str, Sequence[str]]
) -> dict[str, int]:
    """Return the number of each field's column.

    Raises:
        ListError: If there is no column of clips, or none of glosses and labels.
    """
    known = {_plain(name): number for number, name in reversed(list(enumerate(names)))}
    columns: dict[str, int] = {}
    for field, names_of_field in accepted.items():
        found = next((name for name in map(_plain, names_of_field) if name in known), None)
        if found is not None:
            columns[field] = known[found]
    for fields in (("path", "id"), ("gloss", "label")):
        if not any(field in columns for field in fields):
            raise ListError(
                f"{path}: its first line names no column '{fields[0]}' or '{fields[1]}', only "
                f"{', '.join(map(repr, names)) or 'nothing'}; name the columns path, gloss, "
                "signer, split"
            )
    return columns


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()


def _check_row(row: Fields, split: str | None) -> Fields:
    for fields in (("path", "id"), ("gloss", "label")):
        if not any(field in row for field in fields):
            raise ListError(f"{row['at']} has no {fields[0]}; complete or remove the line")
    if split is not None:
        return row | dict(split=split)
    if "split" in row:
        row["split"] = _split_name(row)
    return row


def _split_name(row: Fields) -> str:
    for split, names in SPLITS.items():
        if row["split"].lower() in names:
            return split
    raise ListError(f"{row['at']} has split '{row['split']}'; write {', '.join(SPLITS)}")


# ---- ids, signers, labels ----------------------------------------------------------------------


def _ids(rows: Sequence[Fields]) -> list[str]:
    by_path = ids_of_paths([row["path"] for row in rows if "id" not in row])
    left = iter(by_path)
    return ["/".join(_id_parts(row["id"])) if "id" in row else next(left) for row in rows]


def _videos(row: Fields, name: str, kind: TableFormat) -> tuple[str, ...]:
    """Return the other names of a clip's video; with an id, its path is one."""
    named = (file_id(row["path"]),) if "id" in row and "path" in row else ()
    return (*named, *(video.format(name) for video in kind.videos))


def _id_parts(name: str) -> list[str]:
    """Return the parts of an id, whose ending is not removed."""
    return [*path_parts(name)[:-1], name.replace("\\", "/").rsplit("/", 1)[-1]]


def _signers(rows: Sequence[Fields], kind: TableFormat) -> list[int]:
    """Return the signer of each row, -1 where it is unknown."""
    if kind.signer:
        found = (re.search(kind.signer, row.get("path", row.get("id", ""))) for row in rows)
        return [int(match[1]) if match else -1 for match in found]
    names = {row["signer"] for row in rows if "signer" in row}
    if all(re.fullmatch(r"\d{1,9}", name) for name in names):
        return [int(row.get("signer", -1)) for row in rows]
    number_of = {name: number for number, name in enumerate(sorted(names))}
    return [number_of.get(row.get("signer", ""), -1) for row in rows]


def _labels(
    path: str, rows: Sequence[Fields], classes: Sequence[str] | None
) -> tuple[list[int], list[str]]:
    """Return the label of each row and the class names."""
    if all(re.fullmatch(r"\d{1,9}", row.get("label", "")) for row in rows):
        return _numbered(path, rows, classes)
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
    path: str, rows: Sequence[Fields], classes: Sequence[str] | None
) -> tuple[list[int], list[str]]:
    labels = [int(row["label"]) for row in rows]
    size = len(classes) if classes is not None else max(labels) + 1
    if max(labels) >= min(size, _MOST_CLASSES) or (classes is None and min(labels) == 1):
        raise ListError(
            f"{path}: its labels run from {min(labels)} to {max(labels)}; they must count from 0 "
            f"to {size - 1 if classes is not None else 'the last class'}: subtract 1 if they "
            "count from 1, or give the class list"
        )
    names = list(classes) if classes is not None else [str(label) for label in range(size)]
    label_of: dict[str, int] = {} if classes is None else {n: i for i, n in enumerate(names)}
    for row, label in zip(rows, labels):
        gloss = row.get("gloss", names[label])
        if label_of.setdefault(gloss, label) != label:
            raise ListError(
                f"{row['at']} gives '{gloss}' the label {label}, but it is {label_of[gloss]} in "
                f"{'the class list' if classes is not None else 'an earlier line'}; give each "
                "sign one label, from one class list"
            )
        if classes is None:
            names[label] = gloss
    return labels, names
