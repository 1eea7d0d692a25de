"""Format of the pose store: all clips of a split in one ``.safetensors`` file.

Tensors:

- ``keypoint`` float16 | float32 [F, 49, 2], part coordinates; the clips' frames are concatenated.
- ``keypoint_score`` of the same dtype [F, 49], 0 = absent.
- ``offset`` int64 [clips + 1]; clip i has the frames offset[i]:offset[i + 1].
- ``label`` int64 [clips], -1 = none. ``signer`` int64 [clips], -1 = unknown.
- ``clip_id`` int64 [clips], a hash of "source/id".
- ``id_text`` uint8 [bytes] and ``id_offset`` int64 [clips + 1]; see :class:`ClipNames`.
- ``img_shape`` int32 [clips, 2], optional; (h, w) of the source video.

Metadata: one entry ``masa_mm.pose_store``, a JSON object of ``version``, ``layout``,
``normalization``, ``source``, ``split`` and ``glosses`` (class names; their index is the label).
Equal clips give equal bytes.

Version 1 is still read. It had the ids as strings in the metadata, which every process copied and
which a header of at most 100 MB cannot hold for a few million clips.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, overload

import numpy as np

from masa_mm.errors import UserError, printable
from masa_mm.pose.clip_checks import BadClip

# One metadata entry: safetensors writes several in an order that changes from run to run.
FORMAT = "masa_mm.pose_store"
VERSION = 2
READABLE = (1, 2)
LAYOUT = "sign49"
NORMALIZATION = "part_crop"
DTYPES = ("float16", "float32")


class PoseStoreError(UserError):
    """A store cannot be read or written; the message names file and remedy."""


class BadClipsError(PoseStoreError):
    """Clips cannot go into a store; ``bad`` lists them, the message has one line each.

    ``num_good`` is the number of the other clips, where they were counted.
    """

    def __init__(self, path: str | os.PathLike, bad: Sequence[BadClip], num_good: int = 0) -> None:
        self.path, self.bad, self.num_good = path, tuple(bad), num_good
        self.lines = [printable(f"{path}: {clip}") for clip in bad]
        super().__init__("\n".join(self.lines))

    def __reduce__(self) -> tuple:
        return type(self), (self.path, self.bad, self.num_good)


def clip_hash(source: str, clip: str) -> int:
    """Return a 63-bit hash of a clip, equal in every run and on every machine."""
    digest = hashlib.blake2b(f"{source}/{clip}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class ClipNames(Sequence[str]):
    """Clip ids as two arrays that processes share; an id becomes a string when it is read.

    Args:
        text (np.ndarray): uint8 [bytes], the ids concatenated in UTF-8.
        offset (np.ndarray): int64 [clips + 1]; id i is the bytes ``offset[i]:offset[i + 1]``.

    Raises:
        ValueError: If the offsets do not divide the bytes into UTF-8 strings.

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
        data = text.tobytes()
        if not data.isascii():
            data.decode()
            if (text[offset[offset < len(text)]] & 0xC0 == 0x80).any():
                raise ValueError("offsets of names cut a character in two")
        self.text, self.offset = text, offset

    @classmethod
    def of(cls, names: Iterable[str]) -> ClipNames:
        """Make the arrays of a list of ids."""
        encoded = [name.encode() for name in names]
        offset = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum(list(map(len, encoded)), out=offset[1:])
        return cls(np.frombuffer(b"".join(encoded), np.uint8), offset)

    def __len__(self) -> int:
        return len(self.offset) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        number = range(len(self))[index]
        if isinstance(number, range):
            return [self[n] for n in number]
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
        """Return all ids as strings."""
        data = self.text.tobytes()
        bounds = pairwise(self.offset.tolist())
        if data.isascii():  # one byte is one character: decode once, then slice
            whole = data.decode()
            return [whole[start:stop] for start, stop in bounds]
        return [data[start:stop].decode() for start, stop in bounds]
