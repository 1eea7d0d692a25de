"""Telling what is wrong with a file before it is read: a folder, nothing, or another format."""

from __future__ import annotations

import os
from pathlib import Path

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
