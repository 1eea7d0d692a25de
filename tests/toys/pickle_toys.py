"""Opcodes of hostile pickles, written by hand."""

from __future__ import annotations

import pickle


def put(value) -> bytes:
    """Opcodes that push a plain value; a ``bytes`` in a tuple is pushed as it is if it is Raw."""
    if isinstance(value, Raw):
        return value.code
    if isinstance(value, tuple):
        return b"(" + b"".join(map(put, value)) + b"t"
    return pickle.dumps(value, protocol=3)[2:-1]


class Raw:
    """Opcodes in a value."""

    def __init__(self, code: bytes):
        self.code = code


def call(name: str, *arguments) -> Raw:
    """Push the result of a call by name."""
    return Raw(f"c{name}\n".replace(" ", "\n").encode() + put(arguments) + b"R")


def name(text: str) -> Raw:
    """Push an object by name."""
    return Raw(f"c{text}\n".replace(" ", "\n").encode())


def build(value: Raw, state) -> Raw:
    """Set the state of a value."""
    return Raw(value.code + put(state) + b"b")


def dtype(code="f4", order="<", sub=None, names=None, fields=None, size=-1, align=-1, flags=0):
    """Push a dtype with a state."""
    state = (3, order, sub, names, fields, size, align, flags)
    return build(call("numpy dtype", code, False, True), state)


def array(shape=(2, 3), kind=None, data=bytes(24), fortran=False) -> Raw:
    """Push an array with a state."""
    kind = kind or dtype()
    new = call("numpy.core.multiarray _reconstruct", name("numpy ndarray"), (0,), b"b")
    return build(new, (1, shape, kind, fortran, data))


def pickled(value: Raw) -> bytes:
    """The whole pickle."""
    return b"\x80\x03" + value.code + b"."
