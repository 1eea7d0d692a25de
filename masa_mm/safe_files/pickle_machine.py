"""Unpickler of data: it interprets the opcodes that data needs, with checked arguments.

The C unpickler of Python passes a file's arguments to ``__setstate__``, resizes its memo to any
index and allocates any declared length. This one is Python's own in Python, with a table of allowed
opcodes. Nothing is called but a :class:`Builder`, each of which checks its arguments.
"""

from __future__ import annotations

import gc
import io
import pickle
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from masa_mm.safe_files.limits import Budget
from masa_mm.safe_files.pickle_content import Content

_INT_DIGITS = 21  # of an integer of 64 bits, with sign and the 'L' of Python 2
_INT_BYTES = 9
# Bytes of an object that an opcode of one or two bytes makes, and of an entry of the memo.
_SIZES = {
    "EMPTY_LIST": 64,
    "EMPTY_DICT": 72,
    "EMPTY_SET": 224,
    "MARK": 72,
    "LIST": 64,
    "DICT": 72,
    "FROZENSET": 224,
    "TUPLE": 64,
    "TUPLE1": 64,
    "TUPLE2": 64,
    "TUPLE3": 72,
    "MEMOIZE": 112,
    "PUT": 112,
    "BINPUT": 112,
    "LONG_BINPUT": 112,
    "REDUCE": 64,
    "NEWOBJ": 64,
}
_ALLOWED = (
    *_SIZES,
    *("PROTO", "FRAME", "STOP", "POP", "POP_MARK", "DUP", "GET", "BINGET", "LONG_BINGET"),
    *("NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"),
    *("FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES"),
    *("SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINUNICODE8", "EMPTY_TUPLE", "APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS"),
    *("GLOBAL", "STACK_GLOBAL", "BUILD", "PERSID", "BINPERSID"),
)
_PYTHON: dict[int, Callable] = pickle._Unpickler.dispatch


class ForbiddenError(Exception):
    """Something in a pickle that is not data; the message says what."""


class Builder:
    """A function that a pickle may call by name.

    Args:
        build (Callable): Gets the machine and the arguments in the file, which may be anything.
        new (bool): Whether it stands for a class whose objects are made by NEWOBJ.
    """

    def __init__(self, build: Callable[..., Any], new: bool = False) -> None:
        self.build, self.new = build, new


class PickleMachine(pickle._Unpickler):
    """Unpickler of one file.

    Args:
        data (bytes): The pickle.
        names (Mapping): (module, name) -> :class:`Builder`, or a value that takes its place.
        budget (Budget): Of the file.
    """

    # Set by Python's unpickler.
    stack: list[Any]
    append: Callable[[Any], None]
    read: Callable[[int], bytes]
    readline: Callable[[], bytes]
    pop_mark: Callable[[], list[Any]]

    def __init__(
        self, data: bytes | io.BufferedIOBase, names: Mapping[tuple[str, str], Any], budget: Budget
    ) -> None:
        super().__init__(io.BytesIO(data) if isinstance(data, bytes) else data)
        self.budget, self._names = budget, names
        self._unfinished: dict[int, tuple[Any, Callable[[Any], None]]] = {}

    def load(self) -> Any:
        """Read the pickle; its content has no cycle and no deep nesting.

        Raises:
            ForbiddenError: If it holds more than data.
            MemoryLimitError: If it takes more memory than its size justifies.
        """
        collecting = gc.isenabled()
        gc.disable()  # it would visit millions of new lists again and again
        try:
            value = super().load()
            Content(self.budget.limit).check(value)
        finally:
            if collecting:
                gc.enable()
        return value

    def find_class(self, module: str, name: str) -> Any:
        """Return what takes the place of a name."""
        try:
            return self._names[module, name]
        except KeyError:
            raise ForbiddenError(f"'{module}.{name}'") from None

    def persistent_load(self, pid: Any) -> Any:
        """Refuse references to other files."""
        raise ForbiddenError("a reference to another file")

    def expect_state(self, value: Any, finish: Callable[[Any], None]) -> Any:
        """Let one BUILD finish a value, by a function that gets the state in the file."""
        self._unfinished[id(value)] = (value, finish)
        return value

    def is_unfinished(self, value: Any) -> bool:
        """Return whether a value still lacks its state."""
        return id(value) in self._unfinished

    def _op_reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack[-1]
        if type(function) is not Builder or function.new or type(arguments) is not tuple:
            raise ForbiddenError(f"a call of {type(function).__name__}")
        self.stack[-1] = function.build(self, *arguments)

    def _op_newobj(self) -> None:
        arguments, cls = self.stack.pop(), self.stack[-1]
        if type(cls) is not Builder or not cls.new or type(arguments) is not tuple:
            raise ForbiddenError(f"an object of {type(cls).__name__}")
        self.stack[-1] = cls.build(self, *arguments)

    def _op_build(self) -> None:
        state, value = self.stack.pop(), self.stack[-1]
        if id(value) not in self._unfinished:
            raise ForbiddenError(f"a state for {type(value).__name__}")
        _, finish = self._unfinished.pop(id(value))
        finish(state)

    def _op_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._update([(key, value)])

    def _op_setitems(self) -> None:
        items = self.pop_mark()
        self._update(list(zip(items[::2], items[1::2], strict=True)))

    def _op_dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._update(list(zip(items[::2], items[1::2], strict=True)))

    def _update(self, items: list[tuple[Any, Any]]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise ForbiddenError(f"items for {type(target).__name__}")
        check_keys(key for key, _ in items)
        target.update(items)
        self.budget.take(64 * len(items))

    def _op_append(self) -> None:
        value = self.stack.pop()
        self._list().append(value)

    def _op_appends(self) -> None:
        values = self.pop_mark()
        self._list().extend(values)

    def _list(self) -> list:
        target = self.stack[-1]
        if type(target) is not list:
            raise ForbiddenError(f"elements for {type(target).__name__}")
        return target

    def _op_additems(self) -> None:
        values, target = self.pop_mark(), self.stack[-1]
        if type(target) is not set:
            raise ForbiddenError(f"elements for {type(target).__name__}")
        check_keys(values)
        target.update(values)
        self.budget.take(64 * len(values))

    def _op_frozenset(self) -> None:
        values = self.pop_mark()
        check_keys(values)
        self.append(frozenset(values))
        self.budget.take(64 * len(values))

    def _op_bytearray8(self) -> None:
        (size,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(min(size, self.budget.limit))))
        if len(self.stack[-1]) != size:
            raise EOFError("pickle data was truncated")

    def _op_int(self) -> None:
        line = self.readline()[:-1]
        if len(line) > _INT_DIGITS:
            raise ForbiddenError(f"an integer of {len(line)} digits")
        truth = {b"00": False, b"01": True}
        self.append(truth[line] if line in truth else int(line))

    def _op_long(self) -> None:
        line = self.readline()[:-1].removesuffix(b"L")
        if len(line) > _INT_DIGITS:
            raise ForbiddenError(f"an integer of {len(line)} digits")
        self.append(int(line))

    def _op_long1(self) -> None:
        size = self.read(1)[0]
        if size > _INT_BYTES:
            raise ForbiddenError(f"an integer of {size} bytes")
        self.append(int.from_bytes(self.read(size), "little", signed=True))


def check_keys(keys: Any) -> None:
    """Refuse keys and members of sets that are not plain; the hash of deep tuples recurses in C."""
    for key in keys:
        if type(key) is tuple:
            _check_tuple(key, 4)
        elif not is_plain(key):
            raise ForbiddenError(f"{type(key).__name__} as a key")


def _check_tuple(key: tuple, depth: int) -> None:
    for value in key:
        if type(value) is tuple and depth:
            _check_tuple(value, depth - 1)
        elif not is_plain(value):
            raise ForbiddenError(f"{type(value).__name__} in a key")


def is_plain(value: Any) -> bool:
    """Return whether a value is a number, a text or None, with a hash that no file can abuse."""
    kinds = (str, bytes, bool, int, float, complex, frozenset, np.generic)
    return value is None or isinstance(value, kinds)


def _counted(function: Callable, size: int) -> Callable:
    def counted(machine: PickleMachine) -> None:
        machine.budget.take(size)
        function(machine)

    return counted


def _table() -> dict[int, Callable]:
    """The allowed opcodes: the machine's functions, or those of Python."""
    table = {}
    for name in _ALLOWED:
        code = getattr(pickle, name)[0]
        function = getattr(PickleMachine, f"_op_{name.lower()}", None) or _PYTHON[code]
        table[code] = _counted(function, _SIZES[name]) if name in _SIZES else function
    return table


class _Table(dict):
    def __missing__(self, code: int) -> Callable:
        raise ForbiddenError(f"the opcode {bytes([code])!r}")


PickleMachine.dispatch = _Table(_table())
