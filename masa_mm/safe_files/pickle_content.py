"""Check of what a pickle holds: no cycle, no deep nesting, no list that is repeated without end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from masa_mm.safe_files.limits import MemoryLimitError

_DEPTH = 60
_OBJECT = 32  # bytes of a small object, roughly
_SMALL = frozenset((float, int, bool, type(None)))


class NestingError(Exception):
    """A value contains itself, or is nested too deeply; the message says which."""


class Content:
    """Check of a value that a file gives.

    A file of 100 bytes can hold ten lists, each of which has ten times the one before. Nothing is
    large until a reader looks at all elements, as numpy does. So each element counts as often as
    it is reached.

    Args:
        limit (int): Bytes that the content may take, counted in this way.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: dict[int, tuple[int, int] | None] = {}  # id -> (bytes, height)

    def check(self, value: Any) -> None:
        """Check a value with all that it contains.

        Raises:
            NestingError: If it contains itself or is nested too deeply.
            MemoryLimitError: If it takes more than the limit.
        """
        self._measure(value, 0)

    def _measure(self, value: Any, depth: int) -> tuple[int, int]:
        children = _children(value)
        if children is None:
            return self._limited(_size(value)), 0
        key = id(value)
        if key in self._known:
            known = self._known[key]
            if known is None:
                raise NestingError(f"a {type(value).__name__} that contains itself")
            self._check_depth(depth + known[1])
            return known
        self._check_depth(depth)
        self._known[key] = None
        size, height = _OBJECT, 0
        for child in children:
            if type(child) in _SMALL:
                size += _OBJECT
                continue
            more, below = self._measure(child, depth + 1)
            size, height = self._limited(size + more), max(height, below + 1)
        self._known[key] = (self._limited(size), height)
        return size, height

    def _check_depth(self, depth: int) -> None:
        if depth > _DEPTH:
            raise NestingError(f"more than {_DEPTH} levels of lists")

    def _limited(self, size: int) -> int:
        if size > self._limit:
            raise MemoryLimitError(self._limit)
        return size


def _children(value: Any) -> Iterable[Any] | None:
    if isinstance(value, dict):
        # The names of modules that torch keeps beside the weights.
        return (*value.keys(), *value.values(), *getattr(value, "__dict__", {}).values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        return value.reshape(-1)
    return None


def _size(value: Any) -> int:
    if isinstance(value, (str, bytes, bytearray, range)):
        return _OBJECT + len(value) * (_OBJECT if isinstance(value, range) else 1)
    size = getattr(value, "nbytes", 0)  # of an array or a tensor; a class has another kind
    return _OBJECT + (size if isinstance(size, int) else 0)
