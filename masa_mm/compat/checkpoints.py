"""Load checkpoints as data: no code in them is executed."""

from __future__ import annotations

import ast
import contextlib
import errno
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from unittest import mock

from masa_mm.errors import UserError, in_one_line

if TYPE_CHECKING:
    from masa_mm.safe_files.pickle_machine import PickleMachine


class CheckpointError(UserError):
    """A checkpoint that cannot be read, or that holds more than data."""


def safe_checkpoints() -> bool:
    """Load checkpoints of mmengine as data with every release of torch.

    From torch 2.6 on, ``torch.load`` raises ``UnpicklingError`` for the ``HistoryBuffer`` objects
    in mmengine's checkpoints. Earlier releases load them, but execute any code that a file holds.
    Upstream: https://github.com/open-mmlab/mmengine/issues/1655
    """
    from mmengine.runner.checkpoint import CheckpointLoader

    CheckpointLoader.register_scheme(prefixes="", loader=load_from_local, force=True)
    load_checkpoint = CheckpointLoader.load_checkpoint.__func__

    @functools.wraps(load_checkpoint)
    def load_as_data(cls: type, filename: str, *args: Any, **kwargs: Any) -> Any:
        # The schemes other than local files (http, s3, ...) call torch.load.
        with mock.patch("torch.load", _load_file), _clear_errors(filename):
            return load_checkpoint(cls, filename, *args, **kwargs)

    CheckpointLoader.load_checkpoint = classmethod(load_as_data)
    return True


def load_from_local(filename: str | os.PathLike, map_location: Any = None) -> Any:
    """Load a local checkpoint as data.

    Dense tensors, plain containers, ``HistoryBuffer``, and numpy arrays and scalars of numbers and
    text are read. Everything else is refused. Nothing of a file is executed, and sizes in it are
    checked; see :mod:`masa_mm.safe_files.tensor_files`.

    Args:
        filename (str | os.PathLike): The checkpoint.
        map_location (Any): As in :func:`torch.load`.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If it is a folder, damaged, or holds more than data.
    """
    path = Path(filename).expanduser()
    if path.is_dir():
        raise CheckpointError(f"{filename}: is a folder; give the path of a checkpoint file")
    if not path.is_file():
        raise FileNotFoundError(f"{filename}: no such checkpoint")
    with _clear_errors(filename):
        return _load_file(path, map_location)


def _load_file(
    file: str | os.PathLike | BinaryIO, map_location: Any = None, *args: Any, **kwargs: Any
) -> Any:
    """Stand in for ``torch.load``, whose other options choose how it reads."""
    from masa_mm.safe_files.tensor_files import read_tensor_file

    if isinstance(file, (str, os.PathLike)):
        with open(file, "rb") as opened:
            return read_tensor_file(opened, _history_names(), map_location)
    return read_tensor_file(file, _history_names(), map_location)


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
        if isinstance(meta, dict) and isinstance(meta.get("config"), str):
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


def _history_names() -> dict[tuple[str, str], Any]:
    """Names by which a pickled ``HistoryBuffer`` refers to its class and its statistics."""
    from masa_mm.safe_files.pickle_machine import Builder

    statistic = Builder(_history_statistic)
    return {
        ("mmengine.logging.history_buffer", "HistoryBuffer"): Builder(_history, new=True),
        ("builtins", "getattr"): statistic,
        ("__builtin__", "getattr"): statistic,
    }


def _history(machine: PickleMachine) -> Any:
    from mmengine.logging import HistoryBuffer

    history = HistoryBuffer.__new__(HistoryBuffer)
    return machine.expect_state(history, lambda state: _fill_history(history, state))


def _fill_history(history: Any, state: Any) -> None:
    """Initialize a history anew from the values in the file."""
    import numpy as np

    from masa_mm.safe_files.pickle_machine import ForbiddenError

    state = state if type(state) is dict else {}
    values, counts = state.get("_log_history"), state.get("_count_history")
    longest = state.get("max_length")
    series = all(
        type(a) is np.ndarray and a.ndim == 1 and a.dtype.kind in "fiub" for a in (values, counts)
    )
    if not series or len(values) != len(counts) or type(longest) is not int or longest < 1:
        raise ForbiddenError("a HistoryBuffer of unknown content")
    history.__init__(values, counts, longest)


def _history_statistic(machine: PickleMachine, owner: Any, name: Any) -> str:
    """Stand in for ``getattr``, which would give a malicious file access to everything."""
    from masa_mm.safe_files.pickle_machine import Builder, ForbiddenError

    named = name in ("min", "max", "current", "mean")
    if type(owner) is not Builder or owner.build is not _history or not named:
        raise ForbiddenError(f"'builtins.getattr' of {name!r}")
    return name


@contextlib.contextmanager
def _clear_errors(filename: str | os.PathLike) -> Iterator[None]:
    """Turn errors of unpickling into a :class:`CheckpointError` of one line."""
    from masa_mm.safe_files.limits import MemoryLimitError
    from masa_mm.safe_files.pickle_machine import ForbiddenError

    try:
        yield
    except (CheckpointError, ImportError):
        raise
    except ForbiddenError as error:
        raise CheckpointError(
            f"{filename}: refused because it holds {_reason(error)}; nothing was executed. Use a "
            "checkpoint from a source you trust, saved with plain tensors"
        ) from None
    except MemoryLimitError as error:
        raise CheckpointError(
            f"{filename}: refused because {_reason(error)}. Use a checkpoint from a source you "
            "trust"
        ) from None
    except Exception as error:  # a damaged file can raise anything
        # zipfile seeks before the start of a truncated archive: EINVAL is no disk error here.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        raise CheckpointError(
            f"{filename}: cannot be read as a checkpoint; it is truncated, damaged or another kind "
            f"of file ({type(error).__name__}: {_reason(error)}). Use an earlier checkpoint or "
            "download it again"
        ) from error


def _reason(error: Exception) -> str:
    """The message of an error, in one short line."""
    return in_one_line(error, 160).partition(": ")[2] or "no further details"
