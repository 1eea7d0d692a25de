"""Builders of dense tensors from the arguments in a pickle, checked against their storage.

Sparse, quantized, nested and meta tensors, subclasses and attributes of tensors are refused:
torch checks some of them only when they are used, in C++.
"""

from __future__ import annotations

import collections
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from masa_mm.safe_files.pickle_arrays import BUILDERS, ordered_dict
from masa_mm.safe_files.pickle_machine import Builder, ForbiddenError, PickleMachine

_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexDoubleStorage": torch.complex128,
    "ComplexFloatStorage": torch.complex64,
    "UntypedStorage": torch.uint8,
}
# Types without a storage class of their own; their tensors are saved with an UntypedStorage.
_UNTYPED = ("uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2")
_DTYPES = {f"{dtype}".partition(".")[2]: dtype for dtype in _STORAGES.values()} | {
    name: getattr(torch, name) for name in _UNTYPED
}
_DEVICE = re.compile(r"(?:cpu|cuda|mps|xpu|npu)(?::\d{1,3})?")


@dataclass(frozen=True)
class StorageType:
    """A class of storages, by the dtype of its elements."""

    dtype: torch.dtype


@dataclass(frozen=True)
class StorageId:
    """What a pickle says of a storage."""

    key: str
    dtype: torch.dtype
    location: str
    numel: int

    @property
    def nbytes(self) -> int:
        """Its size."""
        return self.numel * self.dtype.itemsize


@dataclass(frozen=True)
class Storage:
    """The bytes of tensors, with the dtype and number of their elements."""

    untyped: torch.UntypedStorage
    dtype: torch.dtype
    numel: int


class TensorMachine(PickleMachine):
    """Unpickler of tensors whose bytes lie elsewhere in the file.

    Args:
        data (bytes | io.BufferedIOBase): The pickle.
        names (Mapping): Further names, as for :class:`PickleMachine`.
        budget (Budget): Of the file.
        storage_of (Callable): Gives the storage that a :class:`StorageId` names.
    """

    def __init__(
        self, data: Any, names: Any, budget: Any, storage_of: Callable[[StorageId], Storage]
    ) -> None:
        super().__init__(data, BUILDERS | TENSORS | dict(names), budget)
        self._storage_of = storage_of

    def persistent_load(self, pid: Any) -> Storage:
        """Return the storage that a file refers to."""
        if type(pid) is not tuple or len(pid) not in (5, 6) or pid[0] != "storage":
            raise ForbiddenError("a reference that names no storage")
        _, kind, key, location, numel = pid[:5]
        if type(kind) is not StorageType or type(key) is not str or pid[5:] not in ((), (None,)):
            raise ForbiddenError("a reference to a storage of an unknown kind")
        if type(numel) is not int or numel < 0:
            raise ForbiddenError("a storage of an unknown size")
        if type(location) is not str or not _DEVICE.fullmatch(location):
            raise ForbiddenError("a storage on an unknown device")
        return self._storage_of(StorageId(key, kind.dtype, location, numel))


def _tensor(
    machine: PickleMachine,
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any = False,
    hooks: Any = None,
    metadata: Any = None,
    dtype: Any = None,
) -> torch.Tensor:
    if type(storage) is not Storage:
        raise ForbiddenError("a tensor without a storage")
    if metadata:
        raise ForbiddenError("a tensor with metadata")
    dtype = storage.dtype if dtype is None else dtype
    available = len(storage.untyped) // dtype.itemsize
    _check_extent(machine, offset, size, stride, available)
    machine.budget.take(math.prod(size) * dtype.itemsize + 256)
    tensor = torch.empty(0, dtype=dtype, device=storage.untyped.device)
    tensor.set_(storage.untyped, offset, tuple(size), tuple(stride))
    return _with_grad(tensor, requires_grad)


def _check_extent(
    machine: PickleMachine, offset: Any, size: Any, stride: Any, available: int
) -> None:
    """Refuse a tensor that reaches beyond its storage, or that is empty and yet too large."""
    sides = [size, stride]
    if any(not isinstance(side, tuple) or len(side) > 64 for side in sides):
        raise ForbiddenError("a tensor whose shape is no shape")
    if any(type(n) is not int or n < 0 for side in (*sides, (offset,)) for n in side):
        raise ForbiddenError("a tensor whose shape is no shape")
    if len(size) != len(stride):
        raise ForbiddenError("a tensor with a stride for each of other dimensions")
    if 0 in size:
        machine.budget.take(math.prod(n for n in size if n) + max(stride) + offset)
        return
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if last >= available:
        raise ForbiddenError(f"a tensor {list(size)} in a storage of {available} elements")


def _tensor_of_dtype(
    machine: PickleMachine,
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    hooks: Any,
    dtype: Any,
    metadata: Any = None,
) -> torch.Tensor:
    if not isinstance(dtype, torch.dtype) or dtype is torch.bool:
        raise ForbiddenError("a tensor of an unknown dtype")
    return _tensor(machine, storage, offset, size, stride, requires_grad, None, metadata, dtype)


def _with_grad(tensor: torch.Tensor, requires_grad: Any) -> torch.Tensor:
    if type(requires_grad) is not bool:
        raise ForbiddenError("a tensor with an unknown requires_grad")
    if requires_grad and not (tensor.is_floating_point() or tensor.is_complex()):
        raise ForbiddenError("a tensor of integers with gradients")
    return tensor.requires_grad_(requires_grad)


def _parameter(
    machine: PickleMachine, data: Any, requires_grad: Any, hooks: Any = None, state: Any = None
) -> torch.nn.Parameter:
    if type(data) is not torch.Tensor or type(requires_grad) is not bool or state:
        raise ForbiddenError("a parameter of unknown content")
    _with_grad(data.detach(), requires_grad)
    return torch.nn.Parameter(data.detach(), requires_grad)


def _size(machine: PickleMachine, sides: Any = ()) -> torch.Size:
    if type(sides) not in (tuple, list) or any(type(side) is not int for side in sides):
        raise ForbiddenError("a size of unknown content")
    return torch.Size(sides)


def _device(machine: PickleMachine, kind: Any, index: Any = None) -> torch.device:
    name = kind if index is None else f"{kind}:{index}"
    if type(kind) is not str or not _DEVICE.fullmatch(name):
        raise ForbiddenError("an unknown device")
    return torch.device(name)


def _counter(machine: PickleMachine, counts: Any = None) -> collections.Counter:
    pairs = list(counts.items()) if type(counts) is dict else counts or ()
    return collections.Counter(dict(ordered_dict(machine, pairs)))


TENSORS: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor_v2"): Builder(_tensor),
    ("torch._utils", "_rebuild_tensor_v3"): Builder(_tensor_of_dtype),
    ("torch._utils", "_rebuild_parameter"): Builder(_parameter),
    ("torch._utils", "_rebuild_parameter_with_state"): Builder(_parameter),
    ("torch", "Size"): Builder(_size),
    ("torch", "device"): Builder(_device),
    ("collections", "Counter"): Builder(_counter),
    ("torch.storage", "UntypedStorage"): StorageType(torch.uint8),
    **{("torch", name): dtype for name, dtype in _DTYPES.items()},
    **{
        (module, name): StorageType(dtype)
        for name, dtype in _STORAGES.items()
        for module in ("torch", "torch.cuda")
    },
}
