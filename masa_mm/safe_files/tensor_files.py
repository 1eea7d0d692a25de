"""Reader of the files that ``torch.save`` writes, in the zip format and in the one before 1.6.

``torch.load(weights_only=True)`` keeps a file from calling other functions, but some releases write
out of bounds for crafted ones (CVE-2026-24747, before 2.10), or execute code (CVE-2025-32434,
before 2.6), and all build tensors that crash when they are used. This reader uses neither torch's
unpickler nor its zip reader.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import torch

from masa_mm.safe_files.limits import Budget
from masa_mm.safe_files.pickle_machine import ForbiddenError, PickleMachine
from masa_mm.safe_files.tensor_pickle import Storage, StorageId, TensorMachine

# The first value of the format before 1.6, as torch.save wrote it.
_LEGACY = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
_LEGACY_VERSION = 1001


class NoTensorFileError(Exception):
    """A file is none of torch's, or is damaged; the message says which."""


def read_tensor_file(
    file: BinaryIO,
    names: Mapping[tuple[str, str], Any] | None = None,
    map_location: Any = None,
    budget: Budget | None = None,
) -> Any:
    """Read a file of ``torch.save``: dense tensors, numpy arrays and plain containers.

    Args:
        file (BinaryIO): The open file; it must be seekable.
        names (Mapping, optional): Further allowed names, as for
            :class:`~masa_mm.safe_files.pickle_machine.PickleMachine`.
        map_location (Any): As in :func:`torch.load`.
        budget (Budget, optional): What the content may take; by default relative to the file.

    Raises:
        ForbiddenError: If it holds more than data, or tensors that lie about their size.
        MemoryLimitError: If it would take more memory than its size justifies.
        NoTensorFileError: If it is another kind of file. Damaged files raise many other kinds.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    beginning = file.read(len(_LEGACY))
    budget = budget or Budget(size)
    restore = torch.serialization._get_restore_location(map_location)
    if beginning.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(file) as archive:
            return _Zip(archive, size, budget, restore).read(names or {})
    if beginning == _LEGACY:
        return _Legacy(file, size, budget, restore).read(names or {})
    raise NoTensorFileError("it does not begin as a file of torch.save")


class _Zip:
    """The zip format: ``data.pkl`` and one uncompressed file for each storage."""

    def __init__(
        self, archive: zipfile.ZipFile, size: int, budget: Budget, restore: Callable
    ) -> None:
        self._archive, self._budget, self._restore = archive, budget, restore
        self._entries = {info.filename: info for info in archive.infolist()}
        # Entries of a bomb overlap or are compressed; torch writes neither.
        stored = all(info.compress_type == zipfile.ZIP_STORED for info in self._entries.values())
        total = sum(info.file_size for info in archive.infolist())
        if not stored or total > size or len(self._entries) < len(archive.infolist()):
            raise ForbiddenError("compressed, overlapping or repeated entries")
        self._storages: dict[str, Storage] = {}
        pickles = [name for name in self._entries if name.split("/", 1)[1:] == ["data.pkl"]]
        if len(pickles) != 1 or self._prefix(pickles[0], "constants.pkl") in self._entries:
            raise NoTensorFileError("a zip archive, but not of torch.save")
        self._pickle = pickles[0]

    def read(self, names: Mapping) -> Any:
        order = self._entries.get(self._prefix(self._pickle, "byteorder"))
        if order and self._archive.read(order) != sys.byteorder.encode():
            raise NoTensorFileError("written on a machine of another byte order")
        data = self._archive.read(self._pickle)
        return TensorMachine(data, names, self._budget, self._storage).load()

    def _storage(self, declared: StorageId) -> Storage:
        if declared.key not in self._storages:
            info = self._entries[self._prefix(self._pickle, f"data/{declared.key}")]
            if info.file_size != declared.nbytes:
                raise ForbiddenError(
                    f"a storage of {declared.nbytes} bytes with {info.file_size} bytes"
                )
            with self._archive.open(info) as file:
                data = _bytes(file, declared)
            self._storages[declared.key] = _restored(data, declared, self._restore)
        return _same(self._storages[declared.key], declared)

    @staticmethod
    def _prefix(name: str, other: str) -> str:
        return f"{name.split('/', 1)[0]}/{other}"


class _Legacy:
    """The format before torch 1.6: pickles, then the bytes of the storages."""

    def __init__(self, file: BinaryIO, size: int, budget: Budget, restore: Callable) -> None:
        self._file, self._left, self._budget, self._restore = file, size, budget, restore
        self._declared: dict[str, StorageId] = {}
        self._storages: dict[str, Storage] = {}

    def read(self, names: Mapping) -> Any:
        # Buffered, a declared length would be allocated before it is read.
        self._file.seek(0)
        stream = io.BytesIO(self._file.read())
        stream.seek(len(_LEGACY))
        version, system = (PickleMachine(stream, {}, self._budget).load() for _ in range(2))
        if version != _LEGACY_VERSION or type(system) is not dict:
            raise NoTensorFileError("a file of an unknown release of torch")
        if system.get("little_endian") is not (sys.byteorder == "little"):
            raise NoTensorFileError("written on a machine of another byte order")
        # The sizes of the storages come before their bytes, so the content is built twice.
        start = stream.tell()
        TensorMachine(stream, names, self._budget, self._empty).load()
        self._storages.clear()
        keys = PickleMachine(stream, {}, self._budget).load()
        if type(keys) is not list or sorted(map(str, keys)) != sorted(self._declared):
            raise ForbiddenError("storages other than those that it uses")
        for key in keys:
            self._read_storage(stream, self._declared[key])
        stream.seek(start)
        return TensorMachine(stream, names, self._budget, self._filled).load()

    def _empty(self, declared: StorageId) -> Storage:
        if declared.key not in self._declared:
            self._declared[declared.key] = declared
            self._left -= declared.nbytes
            if self._left < 0:
                raise ForbiddenError("storages of more bytes than the file has")
            data = torch.zeros(declared.nbytes, dtype=torch.uint8).untyped_storage()
            self._storages[declared.key] = Storage(data, declared.dtype, declared.numel)
        return _same(self._storages[declared.key], declared)

    def _read_storage(self, stream: io.BytesIO, declared: StorageId) -> None:
        (numel,) = struct.unpack("<q", stream.read(8))
        if numel != declared.numel:
            raise ForbiddenError(f"a storage of {declared.numel} elements with {numel}")
        data = _bytes(stream, declared)
        self._storages[declared.key] = _restored(data, declared, self._restore)

    def _filled(self, declared: StorageId) -> Storage:
        return _same(self._storages[declared.key], declared)


def _bytes(file: Any, declared: StorageId) -> torch.Tensor:
    data = torch.empty(declared.nbytes, dtype=torch.uint8)
    view, done = memoryview(data.numpy().data), 0
    while done < len(view):
        read = file.readinto(view[done : done + 2**24])
        if not read:
            raise EOFError("a storage is truncated")
        done += read
    if declared.dtype is torch.bool and len(data) and int(data.max()) > 1:
        raise ForbiddenError("truth values that are neither 0 nor 1")
    return data


def _restored(data: torch.Tensor, declared: StorageId, restore: Callable) -> Storage:
    storage = restore(data.untyped_storage(), declared.location)
    return Storage(storage, declared.dtype, declared.numel)


def _same(storage: Storage, declared: StorageId) -> Storage:
    if (storage.dtype, storage.numel) != (declared.dtype, declared.numel):
        raise ForbiddenError("a storage of two dtypes or sizes")
    return storage
