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
from collections.abc import Mapping
from typing import Any

import numpy as np

from masa_mm.errors import UserError, in_one_line
from masa_mm.pose.files import foreign_kind, require_file


class UnsafePickleError(UserError, pickle.UnpicklingError):
    """A pickle contains more than arrays and plain containers, or is damaged."""


class _ForbiddenError(Exception):
    """Something in a pickle that is not data; the message says what."""


def _latin1(text: str, encoding: str) -> bytes:
    """Decode bytes as pickle protocols up to 2 store them; refuse every other codec."""
    if encoding != "latin1":
        raise _ForbiddenError(f"the codec '{encoding}'")
    return _codecs.encode(text, "latin1")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("_codecs", "encode"): _latin1,
}
for _core in ("numpy.core", "numpy._core"):  # numpy 1, numpy 2
    _ALLOWED[f"{_core}.multiarray", "_reconstruct"] = np.empty(0).__reduce__()[0]
    _ALLOWED[f"{_core}.multiarray", "scalar"] = np.float64().__reduce__()[0]
    _ALLOWED[f"{_core}.numeric", "_frombuffer"] = np.empty(1).__reduce_ex__(5)[0]
for _kind in (set, frozenset, bytes, bytearray, complex, range):
    for _builtins in ("builtins", "__builtin__"):  # Python 3, Python 2
        _ALLOWED[_builtins, _kind.__name__] = _kind


class _DataUnpickler(pickle.Unpickler):
    def __init__(self, data: bytes, also: Mapping[tuple[str, str], Any] | None) -> None:
        super().__init__(io.BytesIO(data))
        self._allowed = _ALLOWED | dict(also or {})

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allowed[module, name]
        except KeyError:
            raise _ForbiddenError(f"'{module}.{name}'") from None

    def persistent_load(self, pid: Any) -> Any:
        raise _ForbiddenError("a reference to another file")


def load_pickle(path: str | os.PathLike, also: Mapping[tuple[str, str], Any] | None = None) -> Any:
    """Read a pickle of numpy arrays, numpy scalars, plain containers, numbers and strings.

    Args:
        path (str | os.PathLike): The file.
        also (Mapping, optional): Further allowed names, (module, name) -> object to use. The file
            chooses the arguments of these callables, so they must be safe with any.

    Raises:
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
    except _ForbiddenError as error:
        raise UnsafePickleError(
            f"{name}: holds {error}, which is more than arrays and plain containers, and was not "
            "read; save it again with plain lists, dicts and numpy arrays"
        ) from None
    except Exception as error:  # damaged pickles raise a dozen classes
        raise UnsafePickleError(
            f"{name}: not a complete pickle ({in_one_line(error)}); copy it again"
        ) from None
