"""Safe reader of pickles that contain arrays and plain containers.

A pickle can call any function by name, with any arguments. This reader knows only the names that
numpy arrays, numpy scalars and plain containers need, and builds these itself from checked
arguments; see :mod:`masa_mm.safe_files`.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from typing import Any

from masa_mm.errors import UserError, in_one_line
from masa_mm.pose.files import foreign_kind, require_file
from masa_mm.safe_files.limits import Budget, MemoryLimitError
from masa_mm.safe_files.pickle_arrays import BUILDERS
from masa_mm.safe_files.pickle_content import NestingError
from masa_mm.safe_files.pickle_machine import ForbiddenError, PickleMachine


class UnsafePickleError(UserError, pickle.UnpicklingError):
    """A pickle contains more than arrays and plain containers, or is damaged."""


def load_pickle(path: str | os.PathLike, also: Mapping[tuple[str, str], Any] | None = None) -> Any:
    """Read a pickle of numpy arrays, numpy scalars, plain containers, numbers and strings.

    Args:
        path (str | os.PathLike): The file.
        also (Mapping, optional): Further allowed names, (module, name) -> value or
            :class:`~masa_mm.safe_files.pickle_machine.Builder`.

    Raises:
        UnsafePickleError: If it contains anything else (which is not executed), is truncated, is
            no pickle, or would take more memory than its size justifies.
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
        return PickleMachine(data, BUILDERS | dict(also or {}), Budget(len(data))).load()
    except (ForbiddenError, NestingError) as error:
        found = in_one_line(error, 200).partition(": ")[2]
        remedy = "save it again with plain lists, dicts and numpy arrays"
        if "torch." in found:
            remedy = f"if its tensors are poses, turn them into arrays (.numpy()) and {remedy}"
        raise UnsafePickleError(
            f"{name}: holds {found}, which is more than arrays and plain containers, and was not "
            f"read; {remedy}"
        ) from None
    except MemoryLimitError as error:
        raise UnsafePickleError(
            f"{name}: {error}, for a file of {len(data)} bytes; give a file from a source you trust"
        ) from None
    except Exception as error:  # damaged pickles raise a dozen classes
        raise UnsafePickleError(
            f"{name}: not a complete pickle ({in_one_line(error)}); copy it again"
        ) from None
