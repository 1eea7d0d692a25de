"""Reading files that others wrote: arrays, JSON and tables, nothing of which is executed."""

from __future__ import annotations

import csv
import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from masa_mm.errors import UserError

# What a file begins with that is not what its name promises.
_KINDS = {
    b"PK\x03\x04": "a zip archive; unpack it and give what is in it",
    b"\x1f\x8b": "gzip-compressed; unpack it first",
    b"\x93NUMPY": "a numpy array; give the file that this source's page describes",
    b"\x80": "a pickle; give the file that this source's page describes",
}


def require_file(path: str | os.PathLike, missing: str = "no such file") -> None:
    """Refuse a path that is no file.

    Raises:
        FileNotFoundError: it is a folder, or nothing is there: then the error says ``missing``.
    """
    if Path(path).is_dir():
        raise FileNotFoundError(f"{path}: a folder; give a file")
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: {missing}")


def foreign_kind(beginning: bytes) -> str | None:
    """What data is that should be text, by its first bytes, and the remedy; None: it may be text.

    >>> foreign_kind(b"PK\\x03\\x04...")
    'a zip archive; unpack it and give what is in it'
    """
    return next((what for magic, what in _KINDS.items() if beginning.startswith(magic)), None)


class SourceError(UserError):
    """A source that cannot be read; the message is one line naming file and remedy."""


def read_text(path: str | os.PathLike) -> str:
    """A text file, with or without a byte order mark.

    Raises:
        FileNotFoundError: there is no such file.
        SourceError: it is no text; says what it is where that can be told.
    """
    with open_text(path) as file:
        return file.read()


@contextmanager
def open_text(path: str | os.PathLike) -> Iterator[TextIO]:
    """A text file to be read piece by piece; raises as :func:`read_text`."""
    require_file(path)
    with open(path, "rb") as file:
        kind = foreign_kind(file.read(8))
    if kind:
        raise SourceError(f"{path}: not text but {kind}")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError:
        raise SourceError(f"{path}: not a text file; copy or download it again") from None


def read_json(path: str | os.PathLike) -> Any:
    """A JSON file.

    Raises:
        FileNotFoundError: there is no such file.
        SourceError: it is no JSON, or is cut short.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise SourceError(
            f"{path}: not a complete JSON file ({error}); copy or download it again"
        ) from None


def read_table(path: str | os.PathLike) -> Iterator[dict[str, str]]:
    """The rows of a CSV file with a line of column names, one after the other.

    Raises:
        FileNotFoundError: there is no such file.
        SourceError: it is no text, has no rows, or a row of another length; names the line.
    """
    with open_text(path) as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        row = None
        try:
            for row in reader:
                if None in row or None in row.values():
                    raise SourceError(
                        f"{path}: line {reader.line_num} has not the {len(reader.fieldnames)} "
                        "columns of the first line; was it cut short? copy it again"
                    )
                yield row
        except csv.Error as error:
            raise SourceError(f"{path}: not a CSV file ({error}); copy it again") from None
    if row is None:
        raise SourceError(
            f"{path}: no rows below a line of column names; give a CSV file with some"
        )


def read_arrays(path: str | os.PathLike) -> np.ndarray | dict[str, np.ndarray]:
    """The array of an ``.npy`` or the arrays of an ``.npz`` file, without unpickling anything.

    Raises:
        FileNotFoundError: there is no such file.
        SourceError: it is neither, is damaged, or holds objects.
    """
    require_file(path)
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return content
        with content as file:
            return {key: file[key] for key in file.files}
    except Exception:  # a dozen kinds of numpy, zipfile and zlib, whatever is damaged
        raise SourceError(
            f"{path}: not a complete {Path(path).suffix.lstrip('.') or 'npz'} file of plain "
            "arrays; copy it again"
        ) from None


def has_array(path: str | os.PathLike, name: str) -> bool:
    """Whether a file is an ``.npz`` with an array of that name; False also for damaged ones."""
    try:
        with zipfile.ZipFile(path) as archive:
            return f"{name}.npy" in archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return False


def read_npz(path: str | os.PathLike, keys: Iterable[str]) -> dict[str, np.ndarray]:
    """The named arrays of an ``.npz`` file, read without unpickling anything.

    Raises:
        FileNotFoundError: there is no such file.
        SourceError: it is no npz file, is damaged, or lacks an array.
    """
    arrays = read_arrays(path)
    if not isinstance(arrays, dict):
        raise SourceError(f"{path}: one array, not an npz file; give the file of named arrays")
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise SourceError(
            f"{path}: has no array {', '.join(missing)}; it has {', '.join(arrays)}: "
            "give the file that this source's page describes"
        )
    return {key: arrays[key] for key in keys}


def read_class_list(path: str | os.PathLike) -> list[str]:
    """Class names in the order of their labels: a line each, or "label<TAB>name" lines in order.

    Raises:
        FileNotFoundError: there is no such file.
        SourceError: it is empty, no text, or its labels are not 0, 1, 2, ... in order; or it names
            a class twice.
    """
    require_file(path, "no such class list")
    names = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not names:
        raise SourceError(f"{path}: an empty class list; give a class name a line")
    places: dict[str, int] = {}
    if all("\t" in name for name in names):
        labels, names = zip(*(name.split("\t", 1) for name in names))
        for line, label in enumerate(labels):
            if label.strip() != str(line):
                raise SourceError(
                    f"{path}: line {line + 1} has label {label}, expected {line}; "
                    "sort the class list by label, from 0"
                )
    names = [name.strip() for name in names]
    for line, name in enumerate(names):
        if (first := places.setdefault(name, line)) != line:
            raise SourceError(
                f"{path}: lines {first + 1} and {line + 1} are both '{name}'; give each class a "
                "name of its own"
            )
    return names
