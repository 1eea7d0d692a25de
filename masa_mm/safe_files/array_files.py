"""Reader of ``.npy`` and ``.npz`` files that checks declared sizes before it allocates them."""

from __future__ import annotations

import math
import os
import zipfile
from typing import IO

import numpy as np

from masa_mm.safe_files.limits import check_memory
from masa_mm.safe_files.pickle_arrays import check_values

_MAGIC = b"\x93NUMPY"
_KINDS = "biufcSU"
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def load_arrays(path: str | os.PathLike) -> np.ndarray | dict[str, np.ndarray]:
    """Read the array of an ``.npy`` or the arrays of an ``.npz`` file, without unpickling.

    Args:
        path (str | os.PathLike): The file.

    Raises:
        TooLargeError: If the arrays would take more memory than the file's size justifies.
        ValueError: If an array is not of numbers or text. Damaged files raise many other kinds.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        if file.read(len(_MAGIC)) == _MAGIC:
            file.seek(0)
            return _read_array(path, file, size, size)
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            check_memory(path, sum(entry.file_size for entry in entries), size)
            arrays = {}
            for entry in entries:
                if not entry.filename.endswith(".npy"):
                    continue
                with archive.open(entry) as member:
                    name = entry.filename.removesuffix(".npy")
                    arrays[name] = _read_array(path, member, entry.file_size, size)
            return arrays


def _read_array(path: str | os.PathLike, file: IO[bytes], size: int, file_size: int) -> np.ndarray:
    """Read an array of a file or of an entry of ``size`` bytes."""
    shape, fortran, dtype = _HEADERS[np.lib.format.read_magic(file)](file)
    count: int = math.prod(tuple[int, ...](shape))
    if dtype.kind not in _KINDS or (dtype.itemsize == 0 and count) or len(shape) > 32:
        raise ValueError(f"an array of {dtype}")
    sides: list[int] = [side for side in shape if side]
    if any(side < 0 for side in sides):
        raise ValueError(f"an array {shape}")
    # An empty array counts too: a sum over its axis of length 0 is as large as the others.
    check_memory(path, math.prod(sides) * dtype.itemsize, file_size)
    needed = count * dtype.itemsize
    if needed > size - file.tell():
        raise ValueError(f"an array of {needed} bytes in {size}")
    data = bytearray(needed)
    view, done = memoryview(data), 0
    while done < needed:
        read = file.readinto(view[done : done + 2**24])  # type: ignore[attr-defined]
        if not read:
            raise EOFError("an array is truncated")
        done += read
    check_values(data, dtype)
    flat = np.frombuffer(data, dtype) if needed else np.empty(count, dtype)
    return flat.reshape(shape, order="F" if fortran else "C")
