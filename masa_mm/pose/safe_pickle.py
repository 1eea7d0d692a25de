"""Reading pickles of arrays without executing anything that they say.

A pickle is a program: it names functions and calls them. This unpickler finds only what numpy
arrays, numpy scalars and plain containers are made of, so that a pickle can build data and nothing
else; any other name stops it before it is looked up.
"""

from __future__ import annotations

import _codecs
import collections
import io
import os
import pickle
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from masa_mm.errors import UserError, in_one_line
from masa_mm.pose.files import foreign_kind, require_file

_RECONSTRUCT = np.empty(0).__reduce__()[0]
_SCALAR = np.float64().__reduce__()[0]
_FROM_BUFFER = np.empty(1).__reduce_ex__(5)[0]


def _latin1(text: str, encoding: str) -> bytes:
    """How protocols up to 2 spell bytes; other codecs are not needed, some are no text codecs."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"the codec '{encoding}'")
    return _codecs.encode(text, "latin1")


_ALLOWED: dict[tuple[str, str], Any] = {
    **{("numpy", name): getattr(np, name) for name in ("ndarray", "dtype")},
    **{
        (f"numpy.{core}.{module}", name): function
        for core in ("core", "_core")  # numpy 1, numpy 2
        for module, name, function in (
            ("multiarray", "_reconstruct", _RECONSTRUCT),
            ("multiarray", "scalar", _SCALAR),
            ("numeric", "_frombuffer", _FROM_BUFFER),
        )
    },
    **{
        (module, name): kind
        for module in ("builtins", "__builtin__")
        for name, kind in dict(
            set=set,
            frozenset=frozenset,
            bytes=bytes,
            bytearray=bytearray,
            complex=complex,
            range=range,
        ).items()
    },
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("_codecs", "encode"): _latin1,
}


class UnsafePickleError(UserError, pickle.UnpicklingError):
    """A pickle that holds more than arrays and plain containers, or is no whole pickle."""


class _DataUnpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, also: Mapping[tuple[str, str], Any] | None) -> None:
        super().__init__(file)
        self._allowed = _ALLOWED | dict(also or {})

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"'{module}.{name}'") from None

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("a reference to another file")


def load_pickle(path: str | os.PathLike, also: Mapping[tuple[str, str], Any] | None = None) -> Any:
    """Read a pickle of numpy arrays, numpy scalars, plain containers, numbers and strings.

    Args:
        path: the file.
        also: (module, name) -> what to use for it, of further names that the pickle may hold. These
            are called with whatever the file says, and must be safe with it.

    Raises:
        FileNotFoundError: there is no such file.
        UnsafePickleError: it holds anything else (nothing of it was executed), is cut short or is
            no pickle; one line naming the file and the remedy.
    """
    require_file(path)
    with open(path, "rb") as file:
        return loads_pickle(file.read(), path, also)


def loads_pickle(
    data: bytes,
    name: str | os.PathLike = "pickle",
    also: Mapping[tuple[str, str], Any] | None = None,
) -> Any:
    """As :func:`load_pickle`, from bytes; ``name`` is what errors call them."""
    kind = None if data.startswith(b"\x80") else foreign_kind(data)
    if kind:
        raise UnsafePickleError(f"{name}: not a pickle but {kind}")
    try:
        return _DataUnpickler(io.BytesIO(data), also).load()
    except pickle.UnpicklingError as error:
        if str(error).startswith(("'", "the codec", "a reference")):
            raise UnsafePickleError(
                f"{name}: holds {error}, more than arrays and plain containers, and was not read; "
                "save it again with plain lists, dicts and numpy arrays"
            ) from None
        raise _damaged(name, error) from None
    except (
        EOFError,
        AttributeError,
        IndexError,
        KeyError,
        MemoryError,
        OverflowError,
        TypeError,
        UnicodeDecodeError,
        ValueError,
        struct.error,
    ) as error:
        raise _damaged(name, error) from None


def _damaged(name: str | os.PathLike, error: Exception) -> UnsafePickleError:
    return UnsafePickleError(f"{name}: not a whole pickle ({in_one_line(error)}); copy it again")
