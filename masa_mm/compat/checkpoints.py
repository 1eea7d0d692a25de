"""Checkpoints: read as data only, written whole."""

from __future__ import annotations

import ast
import contextlib
import errno
import functools
import os
import pickle
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from masa_mm import versions
from masa_mm.atomic_write import atomic_write
from masa_mm.compat.workarounds import workaround
from masa_mm.errors import UserError


class CheckpointError(UserError):
    """A checkpoint that cannot be read, or that holds more than data."""


@workaround(
    "open-mmlab/mmengine#1655: torch >= 2.6 refuses the HistoryBuffers in mmengine's checkpoints"
)
def safe_checkpoints() -> bool:
    """Loads every checkpoint as data: what mmengine itself writes is allowed, all else refused.

    torch < 2.6 would by default execute whatever a checkpoint says; here it does not either.
    """
    from mmengine.runner.checkpoint import CheckpointLoader

    if _torch_allows_listed_globals():
        import torch

        torch.serialization.add_safe_globals(_safe_globals())
    CheckpointLoader.register_scheme(prefixes="", loader=load_from_local, force=True)
    load_checkpoint = CheckpointLoader.load_checkpoint.__func__

    @classmethod
    @functools.wraps(load_checkpoint)
    def load_as_data(cls, filename: str, *args: Any, **kwargs: Any) -> Any:
        # The schemes other than a local file (http, s3, ...) call torch.load with its defaults.
        with _environment(TORCH_FORCE_WEIGHTS_ONLY_LOAD="1"), _clear_errors(filename):
            return load_checkpoint(cls, filename, *args, **kwargs)

    CheckpointLoader.load_checkpoint = load_as_data
    return True


def load_from_local(filename: str | os.PathLike, map_location: Any = None) -> Any:
    """Load a local checkpoint as data: nothing of it is executed, with any release of torch.

    Tensors, plain containers and what mmengine's checkpoints hold (``HistoryBuffer``, numpy arrays
    and scalars of numbers) are read; everything else is refused.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is a folder, damaged or holds more than data; names file and remedy.
    """
    import torch

    path = Path(filename).expanduser()
    if path.is_dir():
        raise CheckpointError(f"{filename}: a folder; name the checkpoint, a file")
    if not path.is_file():
        raise FileNotFoundError(f"{filename}: no such checkpoint")
    with _clear_errors(filename), _environment():
        if _torch_allows_listed_globals():
            return torch.load(path, map_location=map_location, weights_only=True)
        return torch.load(
            path, map_location=map_location, weights_only=False, pickle_module=_data_only_pickle()
        )


@workaround(
    "open-mmlab/mmengine (unreported): Runner.resume executes the config text of a checkpoint"
)
def inert_checkpoint_config() -> bool:
    """``Runner.resume`` looks for ``gpu_ids`` in a checkpoint's config by running it as Python."""
    from mmengine.runner import Runner

    load_checkpoint = Runner.load_checkpoint

    @functools.wraps(load_checkpoint)
    def load_without_code(self, *args: Any, **kwargs: Any) -> dict:
        checkpoint = load_checkpoint(self, *args, **kwargs)
        meta = checkpoint.get("meta", {})
        if isinstance(meta.get("config"), str):
            meta["config"] = _literal_gpu_ids(meta["config"])
        return checkpoint

    Runner.load_checkpoint = load_without_code
    return True


def _literal_gpu_ids(config: str) -> str:
    """The ``gpu_ids = [...]`` line of a config's text if it has a literal one, else nothing."""
    with contextlib.suppress(SyntaxError, ValueError):
        for node in ast.parse(config).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "gpu_ids":
                return f"gpu_ids = {ast.literal_eval(node.value)!r}"
    return ""


@workaround(
    "open-mmlab/mmengine (unreported): a run killed while writing a checkpoint leaves half of it"
)
def whole_files() -> bool:
    """Writes files (checkpoints, ``last_checkpoint``) beside their place and renames them."""
    from mmengine.fileio import LocalBackend

    for name in ("put", "put_text"):
        setattr(LocalBackend, name, _write_beside(getattr(LocalBackend, name)))
    return True


def _write_beside(put: Callable) -> Callable:
    @functools.wraps(put)
    def put_whole(self, obj: Any, filepath: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        with atomic_write(filepath) as beside:
            put(self, obj, beside, *args, **kwargs)

    return put_whole


def _torch_allows_listed_globals() -> bool:
    return versions.release(versions.installed("torch")) >= (2, 6)


def _safe_globals() -> list[Any]:
    """What an mmengine checkpoint holds beside tensors and plain containers."""
    import _codecs

    import numpy as np
    from mmengine.logging import HistoryBuffer

    reconstruct = np.empty(0).__reduce__()[0]
    scalar = np.float64().__reduce__()[0]
    # Only numbers, and text for class names: a dtype=object array could hold anything.
    dtypes = {type(np.dtype(code)) for code in "?bhilqBHILQefdU"}
    renamed = [
        (function, f"numpy.{core}.multiarray.{function.__name__}")
        for function in (reconstruct, scalar)
        for core in ("core", "_core")  # numpy 1, numpy 2
    ]
    # In Python 2's and 3's words: which of them a pickle uses depends on its protocol.
    statistics = [
        (_history_statistic, f"{module}.getattr") for module in ("builtins", "__builtin__")
    ]
    return [HistoryBuffer, np.ndarray, np.dtype, _codecs.encode, *statistics, *renamed, *dtypes]


def _history_statistic(owner: type, name: str) -> Callable:
    """What ``getattr`` may be in a checkpoint: a HistoryBuffer names its statistics by it.

    The real one would give a malicious file a way from any allowed class to everything.
    """
    from mmengine.logging import HistoryBuffer

    if owner is not HistoryBuffer or name not in ("min", "max", "current", "mean"):
        raise pickle.UnpicklingError(f"Unsupported global: GLOBAL getattr({owner}, {name!r})")
    return getattr(HistoryBuffer, name)


def _data_only_pickle() -> types.ModuleType:
    """``pickle`` for torch < 2.6, whose own safe loading cannot be told of ``HistoryBuffer``.

    Finds the globals that torch's safe loading allows and those of :func:`_safe_globals`, no other.
    """
    from torch import _weights_only_unpickler as torch_unpickler

    allowed = dict(torch_unpickler._get_allowed_globals())
    for item in _safe_globals():
        target, name = item if isinstance(item, tuple) else (item, _qualified_name(item))
        allowed[name] = target

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            try:
                return allowed[f"{module}.{name}"]
            except KeyError:
                raise pickle.UnpicklingError(
                    f"Unsupported global: GLOBAL {module}.{name}"
                ) from None

    restricted = types.ModuleType("data_only_pickle")
    restricted.Unpickler = Unpickler
    restricted.UnpicklingError = pickle.UnpicklingError
    restricted.load = lambda file, **kwargs: Unpickler(file, **kwargs).load()
    return restricted


def _qualified_name(item: Any) -> str:
    return f"{item.__module__}.{item.__qualname__}"


@contextlib.contextmanager
def _clear_errors(filename: str | os.PathLike) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            # torch's advice to report it, above the one line that says what is wrong.
            warnings.filterwarnings("ignore", "Detected pickle protocol")
            yield
    except (CheckpointError, ImportError):
        raise
    except Exception as error:  # what a damaged file makes of an unpickler can be anything
        # In a truncated archive torch seeks before its start: "Invalid argument", not a bad disk.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        text = str(error)
        if "GLOBAL" in text:
            name = text.split("GLOBAL", 1)[1].split(" was not")[0].split("\n")[0].strip(" .,")
            raise CheckpointError(
                f"{filename}: refused, it asks to run {name}, which is no data; nothing of it was "
                "executed. Use a checkpoint from a source you trust, saved with plain tensors"
            ) from None
        raise CheckpointError(
            f"{filename}: cannot be read as a checkpoint, it is truncated, damaged or holds "
            f"something else ({_reason(error)}); take an earlier one or fetch it again"
        ) from error


def _reason(error: Exception) -> str:
    """What torch found, without what it says around that."""
    text = str(error).rpartition("WeightsUnpickler error:")[2].strip()
    sentence = text.partition("\n")[0].partition(". ")[0]
    return f"{type(error).__name__}: {sentence[:120]}".removesuffix(": ")


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    """torch's switches for loading set to ``values`` and otherwise off, whatever the user set."""
    switches = ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    with mock.patch.dict(os.environ, values):
        for name in set(switches) - set(values):
            os.environ.pop(name, None)
        yield
