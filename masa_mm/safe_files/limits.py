"""Limits on the memory that an untrusted file may take, relative to its size.

A file of a few bytes can describe gigabytes: a range, a compressed run of zeros, references to one
list. Every reader checks what a file declares against :func:`memory_limit` before it is built.
"""

from __future__ import annotations

import os
from typing import Any

from masa_mm.errors import UserError

_MIB = 2**20
# Any file may take this much. Above it, content takes at most 11 times the bytes of a real file:
# nested lists of numbers in a pickle.
_FREE = 512 * _MIB
_FACTOR = 16
# Lists and estimators' files in JSON; the largest list of a benchmark has 12 MiB.
MOST_TEXT_BYTES = 256 * _MIB
# Real lists shrink 5 to 15 times by gzip, a run of one byte 1,000 times.
_GZIP_FREE, _GZIP_FACTOR = 16 * _MIB, 50
# Estimated bytes of a JSON value, by the character that it needs.
_JSON_BYTES = {"[": 72, "{": 72, ",": 32}


class TooLargeError(UserError):
    """A file would take more memory than its size justifies."""


def memory_limit(file_size: int) -> int:
    """Return the bytes that the content of a file may take in memory."""
    return _FREE + _FACTOR * file_size


def gzip_limit(file_size: int) -> int:
    """Return the bytes of text that a gzip file of this size may hold."""
    return min(MOST_TEXT_BYTES, _GZIP_FREE + _GZIP_FACTOR * file_size)


def check_memory(place: str | os.PathLike, needed: int, file_size: int) -> None:
    """Refuse content that would take ``needed`` bytes.

    Args:
        place (str | os.PathLike): The file, named by the message.
        needed (int): Bytes of the content in memory.
        file_size (int): Bytes of the file.

    Raises:
        TooLargeError: If it needs more than :func:`memory_limit`.
    """
    limit = memory_limit(file_size)
    if needed > limit:
        raise TooLargeError(
            f"{place}: its {file_size} bytes would become {_amount(needed)} in memory, more than "
            f"the {_amount(limit)} that a file of this size may take; give a file from a source "
            "you trust, or split it"
        )


def check_text_size(place: str | os.PathLike, size: int) -> None:
    """Refuse a text that is read as a whole and has more than :data:`MOST_TEXT_BYTES`.

    Raises:
        TooLargeError: If it is larger.
    """
    if size > MOST_TEXT_BYTES:
        raise TooLargeError(
            f"{place}: a text of {_amount(size)}; at most {_amount(MOST_TEXT_BYTES)} are read, "
            "split it"
        )


def check_json(place: str | os.PathLike, text: str, file_size: int) -> None:
    """Refuse a JSON text whose values would take more memory than its file justifies.

    Raises:
        TooLargeError: If it is larger than a text may be, or its values are.
    """
    check_text_size(place, len(text))
    values = sum(size * text.count(mark) for mark, size in _JSON_BYTES.items())
    check_memory(place, len(text) + values, file_size)


class Budget:
    """Bytes that the content of one file may still take.

    Args:
        file_size (int): Bytes of the file.
    """

    def __init__(self, file_size: int) -> None:
        self.limit = self.left = memory_limit(file_size)

    def take(self, size: int) -> None:
        """Count bytes of content.

        Raises:
            MemoryLimitError: If the file takes more than it may.
        """
        self.left -= size
        if self.left < 0:
            raise MemoryLimitError(self.limit)


class MemoryLimitError(Exception):
    """A :class:`Budget` is used up; readers turn it into an error that names the file."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"its content would take more than {_amount(limit)} of memory")


def _amount(size: Any) -> str:
    """Format a number of bytes in MiB, rounded up."""
    return f"{-(-int(size) // _MIB):,} MiB"
