"""Load checkpoints as data: no code in them is executed."""

from __future__ import annotations

import ast
import contextlib
import errno
import functools
import os
import pickle
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from masa_mm.errors import UserError


class CheckpointError(UserError):
    """A checkpoint that cannot be read, or that holds more than data."""


def safe_checkpoints() -> bool:
    """Load checkpoints of mmengine as data with every release of torch.

    From torch 2.6 on, ``torch.load`` raises ``UnpicklingError`` for the ``HistoryBuffer`` objects
    in mmengine's checkpoints. Earlier releases load them, but execute any code that a file holds.
    Upstream: https://github.com/open-mmlab/mmengine/issues/1655
    """
    import torch
    from mmengine.runner.checkpoint import CheckpointLoader

    torch.serialization.add_safe_globals(_safe_globals())
    CheckpointLoader.register_scheme(prefixes="", loader=load_from_local, force=True)
    load_checkpoint = CheckpointLoader.load_checkpoint.__func__

    @functools.wraps(load_checkpoint)
    def load_as_data(cls: type, filename: str, *args: Any, **kwargs: Any) -> Any:
        # The schemes other than local files (http, s3, ...) call torch.load with its defaults.
        switch = mock.patch.dict(os.environ, TORCH_FORCE_WEIGHTS_ONLY_LOAD="1")
        with switch, _clear_errors(filename):
            os.environ.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)
            return load_checkpoint(cls, filename, *args, **kwargs)

    CheckpointLoader.load_checkpoint = classmethod(load_as_data)
    return True


def load_from_local(filename: str | os.PathLike, map_location: Any = None) -> Any:
    """Load a local checkpoint as data.

    Tensors, plain containers, ``HistoryBuffer``, and numpy arrays and scalars of numbers and text
    are read. Everything else is refused.

    Args:
        filename (str | os.PathLike): The checkpoint.
        map_location (Any): As in :func:`torch.load`.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If it is a folder, damaged, or holds more than data.
    """
    import torch

    path = Path(filename).expanduser()
    if path.is_dir():
        raise CheckpointError(f"{filename}: is a folder; give the path of a checkpoint file")
    if not path.is_file():
        raise FileNotFoundError(f"{filename}: no such checkpoint")
    with _clear_errors(filename):
        return torch.load(path, map_location=map_location, weights_only=True)


def inert_checkpoint_config() -> bool:
    """Keep ``Runner.resume`` from executing the config text of a checkpoint.

    It passes ``meta['config']`` to ``Config.fromstring``, which runs the text as Python, to read
    ``gpu_ids``. A downloaded checkpoint can thus execute any code.
    Upstream: no report found.
    """
    from mmengine.runner import Runner

    load_checkpoint = Runner.load_checkpoint

    @functools.wraps(load_checkpoint)
    def load_without_code(self: Any, *args: Any, **kwargs: Any) -> dict:
        checkpoint = load_checkpoint(self, *args, **kwargs)
        meta = checkpoint.get("meta", {})
        if isinstance(meta.get("config"), str):
            meta["config"] = _literal_gpu_ids(meta["config"])
        return checkpoint

    Runner.load_checkpoint = load_without_code
    return True


def _literal_gpu_ids(config: str) -> str:
    """The line ``gpu_ids = [...]`` of a config's text if its value is a literal, else ''."""
    with contextlib.suppress(SyntaxError, ValueError):
        for node in ast.parse(config).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "gpu_ids":
                return f"gpu_ids = {ast.literal_eval(node.value)!r}"
    return ""


def _safe_globals() -> list[Any]:
    """Globals in mmengine's checkpoints besides those that torch allows."""
    import _codecs

    import numpy as np
    from mmengine.logging import HistoryBuffer

    numpy_functions: list[Any] = [np.empty(0).__reduce__()[0], np.float64().__reduce__()[0]]
    return [
        HistoryBuffer,
        np.ndarray,
        np.dtype,
        _codecs.encode,
        # Numbers, and text for class names: an array of dtype object could hold anything.
        *{type(np.dtype(code)) for code in "?bhilqBHILQefdU"},
        *(
            _renamed(function, f"numpy.{core}.multiarray", function.__name__)
            for function in numpy_functions
            for core in ("core", "_core")  # numpy 1, numpy 2
        ),
        _renamed(_history_statistic, "builtins", "getattr"),
    ]


def _renamed(function: Callable, module: str, name: str) -> Callable:
    """Wrap a function to have the name that pickles have for it."""

    def renamed(*args: Any) -> Any:
        return function(*args)

    renamed.__module__, renamed.__name__, renamed.__qualname__ = module, name, name
    return renamed


def _history_statistic(owner: type, name: str) -> Callable:
    """Stand in for ``getattr``, by which a pickled ``HistoryBuffer`` refers to its statistics.

    The real ``getattr`` would give a malicious file access to everything.
    """
    from mmengine.logging import HistoryBuffer

    if owner is not HistoryBuffer or name not in ("min", "max", "current", "mean"):
        raise pickle.UnpicklingError(f"Unsupported global: GLOBAL getattr({owner}, {name!r})")
    return getattr(HistoryBuffer, name)


@contextlib.contextmanager
def _clear_errors(filename: str | os.PathLike) -> Iterator[None]:
    """Turn errors of unpickling into a :class:`CheckpointError` of one line."""
    try:
        with warnings.catch_warnings():
            # Advice of torch that would precede the error message.
            warnings.filterwarnings("ignore", "Detected pickle protocol")
            yield
    except (CheckpointError, ImportError):
        raise
    except Exception as error:  # a damaged file can raise anything
        # torch seeks before the start of a truncated archive: EINVAL is no disk error here.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        text = str(error)
        if "GLOBAL" in text:
            name = text.split("GLOBAL", 1)[1].split(" was not")[0].split("\n")[0].strip(" .,")
            raise CheckpointError(
                f"{filename}: refused because it would call {name}; nothing was executed. Use a "
                "checkpoint from a source you trust, saved with plain tensors"
            ) from None
        raise CheckpointError(
            f"{filename}: cannot be read as a checkpoint; it is truncated, damaged or another kind "
            f"of file ({_reason(error)}). Use an earlier checkpoint or download it again"
        ) from error


def _reason(error: Exception) -> str:
    """The first sentence of torch's message, without its advice."""
    text = str(error).rpartition("WeightsUnpickler error:")[2].strip()
    sentence = text.partition("\n")[0].partition(". ")[0]
    return f"{type(error).__name__}: {sentence[:120]}".removesuffix(": ")
