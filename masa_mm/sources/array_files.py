"""Clips as files of arrays: one a file, or many packed in one.

An ``.npz`` with ``num_frames`` and ``id`` [clips] packs many clips, their frames end to end in all
other arrays; ``img_shape`` is then [clips, 2].
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from masa_mm.pose.files import SourceError, has_array, read_arrays
from masa_mm.sources.folder import Entry, RawClip, files_below

Arrays = Mapping[str, np.ndarray]


def array_entries(path: str, of_array: str, read: Callable[[Arrays], RawClip]) -> Iterator[Entry]:
    """The clips of a file or folder of ``.npy`` and ``.npz``.

    Args:
        path: the file or folder.
        of_array: what an array without a name (``.npy``) is called.
        read: from a clip's arrays to the clip.

    Raises:
        FileNotFoundError, SourceError: there are no such files, or packed arrays do not fit each
            other; names the file.
    """
    for file in files_below(path, ".npy", ".npz"):
        if has_array(file, "num_frames"):
            yield from _packed(file, read)
        else:
            yield file.stem, partial(_read_file, file, of_array, read)


def _read_file(file: Path, of_array: str, read: Callable[[Arrays], RawClip]) -> RawClip:
    content = read_arrays(file)
    return read(content if isinstance(content, dict) else {of_array: content})


def _packed(file: Path, read: Callable[[Arrays], RawClip]) -> Iterator[Entry]:
    arrays = read_arrays(file)
    names, num_frames = _packed_clips(file, arrays)
    ends = num_frames.cumsum()
    for index, (name, stop) in enumerate(zip(names, ends)):
        clip = {key: array[stop - num_frames[index] : stop] for key, array in arrays.items()}
        if "img_shape" in arrays:
            clip["img_shape"] = arrays["img_shape"][index]
        yield name, partial(read, clip)


def _packed_clips(file: os.PathLike, arrays: dict[str, np.ndarray]) -> tuple[list[str], np.ndarray]:
    """Names and lengths, taken out of the arrays, once all fit each other."""
    num_frames, names = arrays.pop("num_frames"), arrays.pop("id", np.empty(0))
    if num_frames.ndim != 1 or num_frames.dtype.kind not in "iu" or (num_frames < 0).any():
        raise SourceError(f"{file}: num_frames must be whole numbers [clips]; save it again")
    clips, frames = len(num_frames), int(num_frames.sum())
    for name, array in {"id": names, **arrays}.items():
        expected = clips if name in ("id", "img_shape") else frames
        if array.shape[:1] != (expected,):
            raise SourceError(
                f"{file}: {name} has {list(array.shape)} entries, num_frames needs {expected}; "
                "save it again"
            )
    return names.astype(str).tolist(), num_frames.astype(np.int64)
