"""Names of clips as arrays, which a file can hold and all processes can share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np


class ClipNames(Sequence[str]):
    """Names end to end in UTF-8, of which none is a string before it is asked for.

    Args:
        text: uint8 [bytes].
        offset: int64 [clips + 1]; name i is the bytes ``offset[i]:offset[i + 1]``.

    Raises:
        ValueError: the offsets do not divide the bytes, or these are no UTF-8.

    Example:
        >>> names = ClipNames.of(['book_1', 'book_2'])
        >>> names[1]
        'book_2'
    """

    def __init__(self, text: np.ndarray, offset: np.ndarray) -> None:
        if not len(offset) or offset[0] != 0 or offset[-1] != len(text):
            raise ValueError(f"offsets do not divide {len(text)} bytes into names")
        if (np.diff(offset) < 0).any():
            raise ValueError("offsets of names go backwards")
        self.text, self.offset = text, offset
        self._check_utf8()

    @classmethod
    def of(cls, names: Iterable[str]) -> ClipNames:
        """Put names end to end."""
        encoded = [name.encode() for name in names]
        offset = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum(list(map(len, encoded)), out=offset[1:])
        return cls(np.frombuffer(b"".join(encoded), np.uint8), offset)

    def __len__(self) -> int:
        return len(self.offset) - 1

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        return self.text[self.offset[number] : self.offset[number + 1]].tobytes().decode()

    def __iter__(self) -> Iterator[str]:
        return iter(self.tolist())

    def __eq__(self, other: Any) -> bool:
        return self.tolist() == list(other) if isinstance(other, Sequence) else NotImplemented

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.tolist(), dtype=dtype)

    def __repr__(self) -> str:
        return f"ClipNames({len(self)} names)"

    def tolist(self) -> list[str]:
        """All names, each read once."""
        data = self.text.tobytes()
        bounds = pairwise(self.offset.tolist())
        if data.isascii():  # then its bytes are its characters
            whole = data.decode()
            return [whole[start:stop] for start, stop in bounds]
        return [data[start:stop].decode() for start, stop in bounds]

    def _check_utf8(self) -> None:
        data = self.text.tobytes()
        if data.isascii():
            return
        data.decode()
        starts = self.offset[self.offset < len(self.text)]
        if (self.text[starts] & 0xC0 == 0x80).any():
            raise ValueError("offsets of names cut a character in two")
