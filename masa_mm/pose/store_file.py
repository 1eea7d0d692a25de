"""Reading and writing of ``.safetensors`` files by plain system calls.

The safetensors library maps files into memory. A process that reads a map of a file that another
one has truncated dies by SIGBUS. Here such a read is an error. The library also writes under a
temporary name of its own, which a killed process leaves behind.

The file is an 8-byte length, a JSON object of that length that names the arrays, and their bytes.
"""

from __future__ import annotations

import json
import math
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from masa_mm.pose.store_format import PoseStoreError

# In the order in which the library sorts arrays, so that files are equal to those it writes.
_CODES = dict(I64="<i8", F64="<f8", F32="<f4", I32="<i4", F16="<f2", I16="<i2", I8="i1", U8="u1")
_CODE_OF = {np.dtype(dtype): code for code, dtype in _CODES.items()}
_MAX_HEADER = 100_000_000  # bytes, as in the library
_MAX_READ = 1 << 30  # bytes; a system call reads less than 2 GB


class FileState(NamedTuple):
    """Size and time of change: equal states mean that nobody wrote into the file."""

    size: int
    changed: int


class StoreFile:
    """An open ``.safetensors`` file that must not change.

    It stays open, so a file that is renamed over it does not matter.

    Args:
        path (str | os.PathLike): The file.
        state (FileState | None): The state that it must have; None for any.

    Raises:
        PoseStoreError: If it is no complete safetensors file, or has another state.
    """

    def __init__(self, path: str | os.PathLike, state: FileState | None = None) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._descriptor)
        self.state = state or self._state()
        self._require(self._state() == self.state)
        header = self._read_header()
        metadata = header.pop("__metadata__", {})
        self.metadata: dict[str, Any] = metadata if isinstance(metadata, dict) else {}
        self.arrays = {name: self._rows(name, entry) for name, entry in header.items()}

    def read(self, start: int, size: int) -> bytes:
        """Read bytes.

        Raises:
            PoseStoreError: If the file was changed since it was opened, or cannot be read.
        """
        try:
            data = _read_at(self._descriptor, min(size, _MAX_READ), start)
            if len(data) < size:
                data = self._read_on(data, start, size)
            # After reading: a write sets the time before it changes the bytes.
            status = os.fstat(self._descriptor)
        except OSError as error:
            raise PoseStoreError(
                f"{self.path}: cannot be read ({error.strerror}); check its disk and start again"
            ) from None
        self._require(len(data) == size and self.state == (status.st_size, status.st_mtime_ns))
        return data

    def _read_on(self, part: bytes, start: int, size: int) -> bytes:
        parts, left = [part], size - len(part)
        while left and part:
            part = _read_at(self._descriptor, min(left, _MAX_READ), start + size - left)
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _state(self) -> FileState:
        status = os.fstat(self._descriptor)
        return FileState(status.st_size, status.st_mtime_ns)

    def _require(self, is_unchanged: bool) -> None:
        if not is_unchanged:
            raise PoseStoreError(
                f"{self.path}: was changed while it is in use; write stores under another name, "
                "then start again (training resumes with --resume)"
            )

    def _read_header(self) -> dict[str, Any]:
        length = int.from_bytes(self.read(0, min(8, self.state.size)), "little")
        if self.state.size < 8 or length > min(_MAX_HEADER, self.state.size - 8):
            raise self._error("its header is truncated")
        self._data = 8 + length
        try:
            header = json.loads(self.read(8, length))
        except (ValueError, RecursionError):
            raise self._error("its header is damaged") from None
        if not isinstance(header, dict):
            raise self._error("its header is damaged")
        return header

    def _rows(self, name: str, entry: Any) -> FileRows:
        try:
            code, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
            dtype = np.dtype(_CODES[code])
            sizes = [int(size) for size in (*shape, begin, end) if isinstance(size, int)]
        except (KeyError, TypeError, ValueError):
            raise self._error(f"its array '{name[:100]}' is of an unknown kind") from None
        fits = len(sizes) == len(shape) + 2 and min(sizes) >= 0
        if not fits or end - begin != math.prod(shape) * dtype.itemsize:
            raise self._error(f"its array '{name[:100]}' has another size than its shape")
        if end > self.state.size - self._data:
            raise self._error(f"it ends within its array '{name[:100]}'")
        return FileRows(self, dtype, tuple(shape), self._data + begin)

    def _error(self, problem: str) -> PoseStoreError:
        return PoseStoreError(
            f"{self.path}: not a complete safetensors file ({problem}); write or copy it again"
        )


class FileRows:
    """An array in a file. An index reads its rows; ``numpy.asarray`` and ``[:]`` read all."""

    def __init__(
        self, file: StoreFile, dtype: np.dtype, shape: tuple[int, ...], start: int
    ) -> None:
        self._file, self._start = file, start
        self.dtype, self.shape, self.ndim = dtype, shape, len(shape)
        self._row, self._row_bytes = shape[1:], math.prod(shape[1:]) * dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"FileRows({self.dtype.name} {list(self.shape)})"

    def __getitem__(self, index: Any) -> np.ndarray:
        if not isinstance(index, slice) or index.step not in (None, 1):
            return self._read(0, len(self))[index]
        first, end, _ = index.indices(len(self))
        return self._read(first, max(first, end))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self._read(0, len(self)).astype(dtype or self.dtype)

    def _read(self, first: int, end: int) -> np.ndarray:
        start = self._start + first * self._row_bytes
        data = self._file.read(start, (end - first) * self._row_bytes)
        # Bytes are read-only, and so is an array of them.
        return np.frombuffer(data, self.dtype).reshape(end - first, *self._row)


class Part(NamedTuple):
    """An array to write: its dtype, its shape, and a function that writes its bytes."""

    dtype: np.dtype
    shape: Sequence[int]
    write: Callable[[BinaryIO], object]

    @classmethod
    def of(cls, array: np.ndarray) -> Part:
        """Make a part of an array in memory."""
        contiguous = np.ascontiguousarray(array)
        return cls(array.dtype, array.shape, lambda file: file.write(contiguous.data))


def write_safetensors(path: Path, parts: Mapping[str, Part], metadata: dict[str, str]) -> None:
    """Write arrays and metadata; the bytes are those that the safetensors library writes."""
    codes = list(_CODES)
    order = sorted(parts, key=lambda name: (codes.index(_CODE_OF[parts[name].dtype]), name))
    header: dict[str, Any] = dict(__metadata__=metadata)
    end = 0
    for name in order:
        dtype, shape, _ = parts[name]
        begin, end = end, end + math.prod(shape) * dtype.itemsize
        code = _CODE_OF[dtype]
        header[name] = dict(dtype=code, shape=list(shape), data_offsets=[begin, end])
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            parts[name].write(file)


def _seek_and_read(descriptor: int, size: int, start: int) -> bytes:
    os.lseek(descriptor, start, os.SEEK_SET)
    return os.read(descriptor, size)


# Windows has no pread; there no process shares the position in the file.
_read_at = getattr(os, "pread", _seek_and_read)
