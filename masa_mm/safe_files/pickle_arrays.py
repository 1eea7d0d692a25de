"""Builders of numpy arrays, numpy scalars and plain containers from the arguments in a pickle.

The state of a dtype is never set: a dtype is made of an allowed code, and the rest of the state
must agree with it. The bytes of an array must be as many as its shape and dtype need.
"""

from __future__ import annotations

import collections
import math
import re
import sys
from typing import Any

import numpy as np

from masa_mm.safe_files.pickle_machine import Builder, ForbiddenError, PickleMachine, check_keys

_CODE = re.compile(r"[<>|=]?(?:b1|[iu][1248]|f[248]|c(?:8|16)|[SU]\d{1,6}|O[48]?)")
_MOST_DIMENSIONS = 32
_LAST_CHARACTER = sys.maxunicode


class _Type:
    """A dtype in a pickle; a second opcode gives its byte order."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype


def _dtype(machine: PickleMachine, code: Any, align: Any = False, copy: Any = True) -> _Type:
    if type(code) is bytes:  # Python 2
        code = code.decode("latin1")
    if type(code) is not str or not _CODE.fullmatch(code):
        raise ForbiddenError("an array that is not of numbers, text or objects")
    value = _Type(np.dtype("O" if code.strip("<>|=").startswith("O") else code))
    return machine.expect_state(value, lambda state: _set_byte_order(value, state))


def _set_byte_order(value: _Type, state: Any) -> None:
    if type(state) is not tuple or len(state) not in (8, 9):
        raise ForbiddenError("a dtype with an unknown state")
    dtype, (_, order, *structure, itemsize, alignment, flags) = value.dtype, state[:8]
    sized = (dtype.itemsize, dtype.alignment) if dtype.kind in "SU" else (-1, -1)
    true_flags = dtype.flags if dtype.hasobject else 0
    if (
        structure != [None] * 3
        or (itemsize, alignment) not in {sized, (-1, -1)}
        or flags not in (true_flags, dtype.flags)
        or state[8:] not in ((), (None,))
    ):
        raise ForbiddenError("a dtype whose state does not agree with its code")
    if type(order) is bytes:
        order = order.decode("latin1")
    if order not in ("<", ">", "|", "="):
        raise ForbiddenError("a dtype with an unknown byte order")
    value.dtype = dtype.newbyteorder(order) if order in "<>" else dtype


def as_dtype(value: Any) -> np.dtype:
    """Return the dtype that a pickle gives.

    Raises:
        ForbiddenError: If it gives something else.
    """
    if type(value) is not _Type:
        raise ForbiddenError("an array without a dtype")
    return value.dtype


def as_shape(value: Any, itemsize: int, machine: PickleMachine) -> tuple[int, ...]:
    """Return the shape that a pickle gives.

    Raises:
        ForbiddenError: If it is no shape.
        MemoryLimitError: If an array of its non-zero dimensions is too large.
    """
    plain = type(value) is tuple and all(type(side) is int and side >= 0 for side in value)
    if not plain or len(value) > _MOST_DIMENSIONS:
        raise ForbiddenError("an array whose shape is no shape")
    # An empty array counts too: a sum over its axis of length 0 is as large as the others.
    empty = 0 in value
    size = math.prod(side for side in value if side) * max(itemsize, 1)
    machine.budget.take(size if empty or itemsize == 0 else 0)
    return value


def _reconstruct(machine: PickleMachine, cls: Any, shape: Any, code: Any) -> np.ndarray:
    if cls is not np.ndarray:
        raise ForbiddenError("a subclass of numpy.ndarray")
    array = np.empty(0, np.int8)
    return machine.expect_state(array, lambda state: _fill(machine, array, state))


def _fill(machine: PickleMachine, array: np.ndarray, state: Any) -> None:
    if type(state) is not tuple or len(state) != 5:
        raise ForbiddenError("an array with an unknown state")
    _, shape, dtype, fortran, data = state
    dtype = as_dtype(dtype)
    shape = as_shape(shape, dtype.itemsize, machine)
    if dtype.hasobject:
        _check_objects(machine, shape, data)
        machine.budget.take(8 * len(data))
    else:
        if type(data) is str:  # Python 2
            data = data.encode("latin1")
        _check_bytes(shape, dtype, data)
        machine.budget.take(len(data))
    # The arguments are checked and the dtype is numpy's own, so numpy's method is safe.
    checked: Any = (1, shape, dtype, fortran is True or fortran == 1, data)
    array.__setstate__(checked)


def _check_objects(machine: PickleMachine, shape: tuple[int, ...], data: Any) -> None:
    if type(data) is not list or len(data) != math.prod(shape):
        raise ForbiddenError("an array of objects with another number of objects")
    for value in data:
        # Arrays of objects in such arrays are freed by recursion in C.
        if isinstance(value, np.ndarray) and (
            value.dtype.hasobject or machine.is_unfinished(value)
        ):
            raise ForbiddenError("arrays of objects in an array of objects")


def _check_bytes(shape: tuple[int, ...], dtype: np.dtype, data: Any) -> None:
    needed = math.prod(shape) * dtype.itemsize
    if type(data) not in (bytes, bytearray) or len(data) != needed:
        given = len(data) if isinstance(data, (bytes, bytearray)) else type(data).__name__
        raise ForbiddenError(f"an array {list(shape)} of {dtype} with {given} bytes")
    check_values(data, dtype)


def check_values(data: Any, dtype: np.dtype) -> None:
    """Refuse bytes that are no values of a dtype, by which numpy reads or writes out of bounds.

    Raises:
        ForbiddenError: If a truth value is neither 0 nor 1, or a character is none of Unicode.
    """
    if dtype.kind == "b" and len(data) and np.frombuffer(data, np.uint8).max() > 1:
        raise ForbiddenError("truth values that are neither 0 nor 1")
    if dtype.kind == "U" and len(data):
        characters = np.frombuffer(data, np.dtype(np.uint32).newbyteorder(dtype.byteorder))
        if characters.max() > _LAST_CHARACTER:
            raise ForbiddenError("characters that do not exist")


def _frombuffer(
    machine: PickleMachine, data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None
) -> np.ndarray:
    dtype = as_dtype(dtype)
    shape = as_shape(shape, dtype.itemsize, machine)
    if dtype.hasobject or order not in ("C", "F", "K", "A"):
        raise ForbiddenError("an array with an unknown layout")
    _check_bytes(shape, dtype, data)
    flat = np.frombuffer(data, dtype) if len(data) else np.empty(math.prod(shape), dtype)
    if order == "K" and axes is not None:
        if type(axes) is not tuple or sorted(axes) != list(range(len(shape))):
            raise ForbiddenError("an array whose axes are no axes")
        return flat.reshape(shape).transpose(axes)
    return flat.reshape(shape, order=order)


def _scalar(machine: PickleMachine, dtype: Any, data: Any = None) -> np.generic:
    dtype = as_dtype(dtype)
    if type(data) is str:  # Python 2
        data = data.encode("latin1")
    if dtype.hasobject:
        raise ForbiddenError("a scalar of an object")
    if dtype.itemsize == 0:  # empty text
        return dtype.type()
    _check_bytes((), dtype, data)
    machine.budget.take(len(data))
    return np.frombuffer(data, dtype)[0]


def _latin1(machine: PickleMachine, text: Any, encoding: Any) -> bytes:
    """Decode bytes as pickle protocols up to 2 store them; refuse every other codec."""
    if encoding != "latin1" or type(text) is not str:
        raise ForbiddenError(f"the codec '{encoding}'")
    machine.budget.take(len(text))
    return text.encode("latin1")


def _bytes(machine: PickleMachine, data: Any = b"") -> bytes:
    if type(data) is list:  # of the first releases of Python 3
        machine.budget.take(len(data))
        return bytes(data)
    if type(data) not in (bytes, bytearray):
        raise ForbiddenError("bytes of unknown content")
    machine.budget.take(len(data))
    return bytes(data)


def _bytearray(machine: PickleMachine, data: Any = b"", encoding: Any = "latin-1") -> bytearray:
    if type(data) is str and encoding == "latin-1":
        data = data.encode("latin1")
    return bytearray(_bytes(machine, data))


def _set(machine: PickleMachine, values: Any = ()) -> set:
    if type(values) not in (list, tuple):
        raise ForbiddenError("a set of unknown content")
    check_keys(values)
    machine.budget.take(224 + 64 * len(values))
    return set(values)


def _frozenset(machine: PickleMachine, values: Any = ()) -> frozenset:
    return frozenset(_set(machine, values))


def _complex(machine: PickleMachine, real: Any = 0.0, imaginary: Any = 0.0) -> complex:
    if {type(real), type(imaginary)} - {int, float}:
        raise ForbiddenError("a complex number of unknown content")
    return complex(real, imaginary)


def _range(machine: PickleMachine, *limits: Any) -> range:
    if not 1 <= len(limits) <= 3 or any(type(limit) is not int for limit in limits):
        raise ForbiddenError("a range of unknown content")
    values = range(*limits)
    machine.budget.take(32 * max(len(values), 1))
    return values


def ordered_dict(machine: PickleMachine, pairs: Any = ()) -> collections.OrderedDict:
    """Build an ``OrderedDict``; the only attribute that it may have is torch's ``_metadata``."""
    if type(pairs) not in (list, tuple) or any(
        type(pair) not in (list, tuple) or len(pair) != 2 for pair in pairs
    ):
        raise ForbiddenError("an OrderedDict of unknown content")
    check_keys(key for key, _ in pairs)
    machine.budget.take(400 + 128 * len(pairs))
    value: collections.OrderedDict = collections.OrderedDict(pairs)
    return machine.expect_state(value, lambda state: _set_metadata(value, state))


def _set_metadata(value: collections.OrderedDict, state: Any) -> None:
    if type(state) is not dict or state.keys() - {"_metadata"}:
        raise ForbiddenError("an OrderedDict with attributes")
    metadata = state.get("_metadata", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, dict) for v in metadata.values()):
        raise ForbiddenError("unknown metadata of weights")
    if state:
        vars(value).update(state)


BUILDERS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): Builder(_dtype),
    ("collections", "OrderedDict"): Builder(ordered_dict),
    ("_codecs", "encode"): Builder(_latin1),
}
for _core in ("numpy.core", "numpy._core"):  # numpy 1, numpy 2
    BUILDERS[f"{_core}.multiarray", "_reconstruct"] = Builder(_reconstruct)
    BUILDERS[f"{_core}.multiarray", "scalar"] = Builder(_scalar)
    BUILDERS[f"{_core}.numeric", "_frombuffer"] = Builder(_frombuffer)
for _builtins in ("builtins", "__builtin__"):  # Python 3, Python 2
    BUILDERS[_builtins, "set"] = Builder(_set)
    BUILDERS[_builtins, "frozenset"] = Builder(_frozenset)
    BUILDERS[_builtins, "bytes"] = Builder(_bytes)
    BUILDERS[_builtins, "bytearray"] = Builder(_bytearray)
    BUILDERS[_builtins, "complex"] = Builder(_complex)
    BUILDERS[_builtins, "range"] = Builder(_range)
