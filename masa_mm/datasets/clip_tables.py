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
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from string import Formatter
from types import MappingProxyType
from typing import NamedTuple

from masa_mm.datasets.official_clip import OfficialClip, OfficialList
from masa_mm.datasets.official_lists import ListError
from masa_mm.pose.clip_ids import file_id, ids_of_paths, path_end, path_parts
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
        templates (Mapping[str, str]): Fields made of several columns, as '{ClassID}/{UserID}'.
        label (str): Regular expression whose group is the label in a path.
        signer (str): Regular expression whose group is the signer's number in a path.
        signer_splits (Mapping[str, Sequence[int]]): The signers of each split; 'train' has all
            others. Empty: the list tells the split.
        id_parts (int | None): How many parts of a path, from its end, are the clip's id. None: as
            many as make all ids different.
        videos (Sequence[str]): Other names of a clip's video; '{}' stands for the clip's id.
        classes (tuple[str, str]): Columns of label and name in a table of classes; ('', ''): the
            class list has one name per line.
        splits (Sequence[str]): Splits that must have a file if the list is one file per split.
    """

    columns: Mapping[str, Sequence[str]] = COLUMNS
    header: Sequence[str] = ()
    separator: str | None = None
    templates: Mapping[str, str] = MappingProxyType({})
    label: str = ""
    signer: str = ""
    signer_splits: Mapping[str, Sequence[int]] = MappingProxyType({})
    id_parts: int | None = None
    videos: Sequence[str] = ()
    classes: tuple[str, str] = ("", "")
    splits: Sequence[str] = ()


def split_paths(path: str, required: Sequence[str] = ()) -> dict[str | None, str]:
    """Return the files of a list by their splits; a list without '{split}' has the key None.

    '{split}' stands for any of the names in :data:`SPLITS`; a split without a file is left out.

    Raises:
        FileNotFoundError: If there is none of the files, or none of a required split.
    """
    if "{split}" not in path:
        return {None: path}
    files: dict[str | None, str] = {}
    for split, names in SPLITS.items():
        named = [path.replace("{split}", name) for name in names]
        found = next(filter(os.path.isfile, named), None)
        if found is not None:
            files[split] = found
    missing = [split for split in required or SPLITS if split not in files]
    if missing and (required or not files):
        raise FileNotFoundError(
            f"{path}: {_MISSING} for {', '.join(missing)}; the lists of all splits give the classes"
        )
    return files


def read_clip_table(
    path: str, classes: Sequence[str] | None = None, kind: TableFormat | None = None
) -> OfficialList:
    """Read the clips of all splits.

    An ``id`` is taken as it is, a ``path`` gives the id by the rule of
    :mod:`masa_mm.pose.clip_ids`, applied to all splits together. Whole numbers in a column
    ``label`` are labels; without it labels are positions in ``classes``, by default the sorted
    glosses of all splits. Signers have the numbers of :func:`number_signers`.

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
    for row, name, label, signer in zip(rows, _ids(rows, kind), labels, _signers(rows, kind)):
        split = split_of(signer, kind.signer_splits) if kind.signer_splits else row.get("split")
        clip = OfficialClip(name, split, label, signer, _videos(row, name, kind))
        listed_path = path_of.setdefault(name, row.get("path", ""))
        if clips.setdefault(name, clip) != clip or row.get("path", "") != listed_path:
            raise ListError(
                f"{row['at']}: lists clip '{name}' again with another path, label, split or "
                "signer; remove the wrong line"
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
    columns = find_columns(path, names, kind)
    for place, cells in lines:
        if len(cells) < len(names) or any(cells[len(names) :]):
            raise ListError(
                f"{place} has {len(cells)} cells, the list has {len(names)} columns; quote cells "
                "that contain the separator"
            )
        row = {field: cells[number] for field, number in columns.items() if cells[number]}
        named = dict(zip(names, cells))
        made = {field: text.format_map(named) for field, text in kind.templates.items()}
        yield _check_row(row | made | dict(at=place), split, kind)


def find_columns(path: str, names: Sequence[str], kind: TableFormat) -> dict[str, int]:
    """Return the number of each field's column.

    Raises:
        ListError: If there is no column of clips, none of glosses and labels, or none that a
            template names.
    """
    known = {_plain(name): number for number, name in reversed(list(enumerate(names)))}
    columns: dict[str, int] = {}
    for field, accepted in kind.columns.items():
        found = next((name for name in map(_plain, accepted) if name in known), None)
        if found is not None:
            columns[field] = known[found]
    needed = [fields for fields in _required(kind) if not columns.keys() & {*fields}]
    lacking = [kind.columns.get(field, (field,))[0] for field, _ in needed]
    lacking += [name for name in _columns_of_templates(kind) if name not in names]
    if lacking:
        raise ListError(
            f"{path}: its first line names no column '{lacking[0]}', only "
            f"{', '.join(map(repr, names)) or 'nothing'}; give a list with a line of column names"
        )
    return columns


def _columns_of_templates(kind: TableFormat) -> list[str]:
    parsed = (Formatter().parse(text) for text in kind.templates.values())
    return [name for parts in parsed for _, name, *_ in parts if name]


def _required(kind: TableFormat) -> list[tuple[str, str]]:
    """Return the fields of which a row must have one."""
    made = {*kind.templates, *(("label",) if kind.label else ())}
    return [fields for fields in (("path", "id"), ("gloss", "label")) if not made & {*fields}]


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()


def _check_row(row: Fields, split: str | None, kind: TableFormat) -> Fields:
    for fields in _required(kind):
        if not any(field in row for field in fields):
            raise ListError(f"{row['at']} has no {fields[0]}; complete or remove the line")
    if kind.label:
        row["label"] = _found(kind.label, row, "label")
    if split is not None:
        row["split"] = split
    elif "split" in row:
        row["split"] = _split_name(row)
    return row


def _found(pattern: str, row: Fields, what: str) -> str:
    """Return what a regular expression finds in a row's path."""
    match = re.search(pattern, row.get("path") or row["id"])
    if match is None:
        raise ListError(
            f"{row['at']} has '{row.get('path') or row['id']}', a name without a {what}; "
            "give the files' original names"
        )
    return match[1]


def _split_name(row: Fields) -> str:
    for split, names in SPLITS.items():
        if row["split"].lower() in names:
            return split
    raise ListError(f"{row['at']} has split '{row['split']}'; write {', '.join(SPLITS)}")


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


def _id_parts(name: str) -> list[str]:
    """Return the parts of an id, whose ending is not removed."""
    return [*path_parts(name)[:-1], name.replace("\\", "/").rsplit("/", 1)[-1]]


def _signers(rows: Sequence[Fields], kind: TableFormat) -> list[int]:
    """Return the signer of each row, -1 where it is unknown."""
    if kind.signer:
        return [int(_found(kind.signer, row, "signer")) for row in rows]
    number_of = number_signers({row["signer"] for row in rows if "signer" in row})
    return [number_of.get(row.get("signer", ""), -1) for row in rows]


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
    known = set(names)
    for row, label in zip(rows, labels):
        gloss = row.get("gloss", names[label])
        if gloss != names[label] and not kind.label and (classes is None or gloss in known):
            raise ListError(
                f"{row['at']} gives '{gloss}' the label {label}, but another line or the class "
                "list says otherwise; give each sign one label"
            )
    return labels, names


def _names_of_labels(rows: Sequence[Fields], labels: Sequence[int]) -> list[str]:
    """Return the gloss of each label, with its number where several labels have one gloss."""
    gloss_of: dict[int, str] = {}
    for row, label in zip(rows, labels):
        gloss_of.setdefault(label, row.get("gloss", str(label)))
    names = [gloss_of.get(label, str(label)) for label in range(max(labels) + 1)]
    count = Counter(names)
    return [f"{name} ({n})" if count[name] > 1 else name for n, name in enumerate(names)]


# ---- tables of classes -------------------------------------------------------------------------


def read_class_table(path: str, label: str, name: str) -> list[str]:
    """Read class names from a table with a column of labels, from 0, and one of names.

    Raises:
        FileNotFoundError: If there is no such file.
        ListError: If it lacks a column, its labels are not 0, 1, 2, ..., or a name repeats.
    """
    lines = read_cells(path)
    header = next(lines, ("", []))[1]
    if label not in header or name not in header:
        raise ListError(f"{path}: no table of classes with the columns '{label}' and '{name}'")
    columns = header.index(label), header.index(name)
    names: list[str] = []
    for place, cells in lines:
        number, text = (cells[column] if column < len(cells) else "" for column in columns)
        if number != str(len(names)) or not text or text in names:
            raise ListError(
                f"{place} has label '{number}' and name '{text}'; labels count from 0 and names "
                "do not repeat"
            )
        names.append(text)
    return names
