"""Read config files and ``--cfg-options``; what is wrong in them is named by file and line."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from mmengine.config import Config, DictAction

from masa_mm.errors import UserError, in_one_line

SUFFIXES = (".py", ".yaml", ".yml", ".json")
_PARSER = str(Path("mmengine", "config"))


class ConfigError(UserError):
    """A config that cannot be read or run."""


class ConfigOptions(DictAction):
    """``--cfg-options KEY=VALUE``; wrong ones are refused with the usage of the command."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Parse the values."""
        for word in [values] if isinstance(values, str) else values or ():
            key, equals, _ = str(word).partition("=")
            if not equals or not all(key.split(".")):
                parser.error(f"{option_string} {word}: write KEY=VALUE, such as model.x=1")
        try:
            super().__call__(parser, namespace, values, option_string)
        except (AssertionError, RecursionError) as error:
            parser.error(f"{option_string}: {in_one_line(error)}; close each bracket")


def load_config(path: str, options: dict | None = None) -> Config:
    """Read a config and override entries of it.

    Args:
        path (str): A Python, YAML or JSON file.
        options (dict, optional): Values by dotted key, of ``--cfg-options``.

    Raises:
        FileNotFoundError: If it, or one it inherits, is missing.
        UserError: If one of them cannot be read, or an option does not fit.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such config")
    if not path.endswith(SUFFIXES):
        raise ConfigError(f"{path}: is no config; its name must end with {', '.join(SUFFIXES)}")
    try:
        cfg = Config.fromfile(path)
    except (UserError, FileNotFoundError):
        raise
    except Exception as error:  # a Python config can raise anything
        problem = _problem(error, path)
        if problem is None:
            raise
        raise ConfigError(problem) from error
    for key, value in (options or {}).items():
        _override(cfg, key, value)
    return cfg


def make_work_dir(path: str) -> None:
    """Make the folder of logs and checkpoints.

    Raises:
        UserError: If it cannot be made.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"work_dir {path!r}: cannot be made ({in_one_line(error)}); choose another folder"
        ) from error


def _override(cfg: Config, key: str, value: Any) -> None:
    try:
        cfg.merge_from_dict({key: value})
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        if not _innermost(error).f_code.co_filename.endswith("config.py"):
            raise
        raise ConfigError(
            f"--cfg-options {key}={value}: does not fit the config ({in_one_line(error)}); name "
            "an entry below a dict, or an existing number of a list"
        ) from error


def _problem(error: Exception, path: str) -> str | None:
    """The file, the line and the error if it is the config's; None for errors of other code."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    file = next((name for name in map(_file_of, reversed(frames)) if name), path)
    if isinstance(error, SyntaxError | UnicodeDecodeError):
        syntax = error.__context__ if isinstance(error.__context__, SyntaxError) else error
        line = f", line {syntax.lineno}" if isinstance(syntax, SyntaxError) else ""
        return f"{file}{line}: is no valid Python ({getattr(syntax, 'msg', syntax)})"
    if isinstance(error, ImportError) and error.__cause__ is not None:
        return _import_problem(error, file)
    last = [item for item in traceback.walk_tb(error.__traceback__) if not _is_import(item[0])][-1]
    if _is_config_code(last[0]):
        return f"{file}, line {last[1]}: {in_one_line(error, 200)}; correct the config"
    if _PARSER in last[0].f_code.co_filename:
        return f"{file}: {in_one_line(error, 200)}; correct the config"
    return None


def _import_problem(error: ImportError, file: str) -> str | None:
    """The message of ``custom_imports`` if its module does not exist, not if it fails itself."""
    cause = error.__cause__.__context__ if error.__cause__ else None
    if not isinstance(cause, ModuleNotFoundError):
        return None
    frames = [frame for frame, _ in traceback.walk_tb(cause.__traceback__)]
    if not all(_is_import(frame) or "mmengine" in frame.f_code.co_filename for frame in frames):
        return None
    return (
        f"{file}: custom_imports names {cause.name}, which does not exist; correct the name, or "
        "add the folder of the module to PYTHONPATH"
    )


def _file_of(frame: FrameType) -> str | None:
    """The config that a frame of mmengine's parser reads."""
    if frame.f_code.co_name in ("_file2dict", "_parse_lazy_import"):
        name = frame.f_locals.get("filename")
        return str(name) if name else None
    return None


def _is_config_code(frame: FrameType) -> bool:
    """Whether a frame runs the text of a config; mmengine compiles some of it without a name."""
    caller = frame.f_back
    while caller is not None and _is_import(caller):
        caller = caller.f_back
    parsed = caller is not None and _PARSER in caller.f_code.co_filename
    return frame.f_code.co_name == "<module>" and parsed


def _is_import(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    return name.startswith("<frozen importlib") or name.endswith(f"importlib{'/'}__init__.py")


def _innermost(error: Exception) -> FrameType:
    return list(traceback.walk_tb(error.__traceback__))[-1][0]
