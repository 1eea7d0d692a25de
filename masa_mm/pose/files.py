"""Readers of untrusted files: text, JSON, tables and arrays. Nothing in them is executed.

All of them raise FileNotFoundError if there is no such file.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from masa_mm.errors import UserError, in_one_line
from masa_mm.safe_files.array_files import load_arrays
from masa_mm.safe_files.limits import TooLargeError, check_json, check_text_size

# Kinds of files, by their first bytes, that are often given instead of a text file.
_KINDS = {
    b"PK\x03\x04": "a zip archive; unpack it and give what is in it",
    b"\x1f\x8b": "gzip-compressed; unpack it first",
    b"\x93NUMPY": "a numpy array; give the file that this source's page describes",
    b"\x80": "a pickle; give the file that this source's page describes",
}


def require_file(path: str | os.PathLike, missing: str = "no such file") -> None:
    """Raise FileNotFoundError for a folder, and with the message ``missing`` for nothing."""
    if Path(path).is_dir():
        raise FileNotFoundError(f"{path}: is a folder; give a file")
    if not Path(path).is_file():
        # Reading a named pipe would wait, and a device may never end.
        special = os.path.exists(path)
        raise FileNotFoundError(f"{path}: {'not a regular file; copy it' if special else missing}")


def foreign_kind(beginning: bytes) -> str | None:
    """Tell from its first bytes what a non-text file is, and the remedy; None if it may be text."""
    return next((kind for magic, kind in _KINDS.items() if beginning.startswith(magic)), None)


class SourceError(UserError):
    """A source cannot be read; the message is one line that names file and remedy."""


def read_text(path: str | os.PathLike) -> str:
    """Read a text file, with or without a byte order mark; a SourceError if it is no text."""
    with _open_text(path) as file:
        return file.read()


@contextmanager
def _open_text(path: str | os.PathLike) -> Iterator[TextIO]:
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
    """Read a JSON file; a UserError if it is no JSON, is truncated, or takes too much memory."""
    require_file(path)
    size = os.path.getsize(path)
    check_text_size(path, size)
    text = read_text(path)
    check_json(path, text, size)
    try:
        return parse_json(text)
    except ValueError as error:
        raise SourceError(
            f"{path}: not a complete JSON file ({in_one_line(error)}); copy or download it again"
        ) from None


def parse_json(text: str | bytes, **options: Any) -> Any:
    """Parse JSON, with the options of ``json.loads``.

    Raises:
        ValueError: If it is no JSON, is nested too deeply, or has a number of too many digits.
    """
    try:
        return json.loads(text, **options)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def whole_number(value: Any) -> int:
    """Return a whole number that fits into 64 bits, of a number or of its digits in a text.

    Raises:
        ValueError: If it is none.
    """
    if isinstance(value, str):
        digits = re.fullmatch(r"\s*([+-]?[0-9]{1,18})(\.0*)?\s*", value)
        value = int(digits[1]) if digits else None
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise ValueError("no number")
    # Comparisons, unlike conversions, work with any float and with integers of any length.
    if not -(2**63) <= value < 2**63 or value != int(value):
        raise ValueError("no whole number of 64 bits")
    return int(value)


def read_table(path: str | os.PathLike) -> Iterator[dict[str, str]]:
    """Iterate over the rows of a CSV file that starts with a line of column names.

    Raises:
        SourceError: If it is no text, has no rows, or a row has another length; names the line.
    """
    with _open_text(path) as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        row: dict[str, str] | None = None
        try:
            for row in reader:
                if None in row or None in row.values():
                    columns = len(reader.fieldnames or ())
                    raise SourceError(
                        f"{path}: line {reader.line_num} does not have the {columns} columns of "
                        "the first line; if the file is truncated, copy it again"
                    )
                yield row
        except csv.Error as error:
            raise SourceError(f"{path}: not a CSV file ({error}); copy it again") from None
    if row is None:
        raise SourceError(
            f"{path}: no rows below a line of column names; give a CSV file with some"
        )


def read_arrays(path: str | os.PathLike) -> np.ndarray | dict[str, np.ndarray]:
    """Read the array of an ``.npy`` or the arrays of an ``.npz`` file, without unpickling.

    Raises:
        SourceError: If it is neither, is damaged, or holds objects or structures.
        TooLargeError: If it would take more memory than its size justifies.
    """
    require_file(path)
    try:
        return load_arrays(path)
    except TooLargeError:
        raise
    except Exception:  # damaged files raise a dozen classes of numpy, zipfile and zlib
        raise SourceError(
            f"{path}: not a complete {Path(path).suffix.lstrip('.') or 'npz'} file of plain "
            "arrays; copy it again"
        ) from None


def has_array(path: str | os.PathLike, name: str) -> bool:
    """Return whether a file is a readable ``.npz`` with an array of that name."""
    if not os.path.isfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return f"{name}.npy" in archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return False


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the content of a compressed ``.npz`` file.

    numpy's writer of files prints a second error, when it is freed, if the disk is full.
    """
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    return content.getvalue()


def read_npz(path: str | os.PathLike, keys: Iterable[str]) -> dict[str, np.ndarray]:
    """Read named arrays of an ``.npz`` file, without unpickling.

    Raises:
        SourceError: If it is no npz file, is damaged, or lacks an array.
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
    """Read class names in label order: one name or one "label<TAB>name" per line.

    Raises:
        SourceError: If it is empty or no text, names a class twice, or its labels are not
            0, 1, 2, ... in order.
    """
    require_file(path, "no such class list")
    names = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not names:
        raise SourceError(f"{path}: an empty class list; give one class name per line")
    if all("\t" in name for name in names):
        for line, name in enumerate(names):
            label, names[line] = (text.strip() for text in name.split("\t", 1))
            if label != str(line):
                raise SourceError(
                    f"{path}: line {line + 1} has label {label}, expected {line}; "
                    "sort the class list by label, from 0"
                )
    first_line: dict[str, int] = {}
    for line, name in enumerate(names):
        if (first := first_line.setdefault(name, line)) != line:
            raise SourceError(
                f"{path}: lines {first + 1} and {line + 1} are both '{name}'; class names must be "
                "unique"
            )
    return names
