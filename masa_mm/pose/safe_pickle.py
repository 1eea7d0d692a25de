"""Safe reader of pickles that contain arrays and plain containers.

A pickle can call any function by name. This unpickler resolves only the names that numpy arrays,
numpy scalars and plain containers need, and stops at any other name before it is imported.
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
    """Decode bytes as pickle protocols up to 2 store them; refuse every other codec."""
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
    """A pickle contains more than arrays and plain containers, or is damaged."""


class _DataUnpickler(pickle.Unpickler):
    def __init__(self, data: bytes, also: Mapping[tuple[str, str], Any] | None) -> None:
        super().__init__(io.BytesIO(data))
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
        path (str | os.PathLike): The file.
        also (Mapping, optional): Further allowed names, (module, name) -> object to use. The file
            chooses the arguments of these callables, so they must be safe with any.

    Raises:
        FileNotFoundError: If there is no such file.
        UnsafePickleError: If it contains anything else (which is not executed), is truncated or is
            no pickle.
    """
    require_file(path)
    with open(path, "rb") as file:
        return loads_pickle(file.read(), path, also)


def loads_pickle(
    data: bytes,
    name: str | os.PathLike = "pickle",
    also: Mapping[tuple[str, str], Any] | None = None,
) -> Any:
    """Read a pickle from bytes, see :func:`load_pickle`; errors call it ``name``."""
    kind = None if data.startswith(b"\x80") else foreign_kind(data)
    if kind:
        raise UnsafePickleError(f"{name}: not a pickle but {kind}")
    try:
        return _DataUnpickler(data, also).load()
    except pickle.UnpicklingError as error:
        if str(error).startswith(("'", "the codec", "a reference")):
            raise UnsafePickleError(
                f"{name}: holds {error}, which is more than arrays and plain containers, and was "
                "not read; save it again with plain lists, dicts and numpy arrays"
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
    return UnsafePickleError(f"{name}: not a complete pickle ({in_one_line(error)}); copy it again")
