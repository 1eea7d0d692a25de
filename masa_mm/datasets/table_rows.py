"""Rows of a table of clips: which column says what, and reading it.

A :class:`TableFormat` says how a list is written.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from string import Formatter
from types import MappingProxyType
from typing import NamedTuple

from masa_mm.datasets.official_lists import ListError, list_file, read_list_text

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
        named = [list_file(path.replace("{split}", name)) for name in names]
        found = next(filter(os.path.isfile, named), None)
        if found is not None:
            files[split] = found
    missing = [split for split in required or SPLITS if split not in files]
    if missing and (required or not files):
        raise FileNotFoundError(
            f"{path}: no such list for {', '.join(missing)}; the classes need all lists"
        )
    return files


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
        row["label"] = found_in_path(kind.label, row, "label")
    if split is not None:
        row["split"] = split
    elif "split" in row:
        row["split"] = _split_name(row)
    return row


def found_in_path(pattern: str, row: Fields, what: str) -> str:
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
        if not re.fullmatch(rf"0*{len(names)}", number) or not text or text in names:
            raise ListError(
                f"{place} has label '{number}' and name '{text}'; labels count from 0 and names "
                "do not repeat"
            )
        names.append(text)
    return names
