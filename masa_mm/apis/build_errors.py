"""Name the wrong option when a library refuses what a config gives it.

Only errors that the config caused become user errors: a class was called with options that it does
not take, or a class of a library refused its options. Errors in our own code keep their traceback.
"""

from __future__ import annotations

import errno
import inspect
import re
import traceback
import urllib.error
from types import FrameType
from typing import Any

from mmengine.runner import Runner

from masa_mm.apis.registered import all_options
from masa_mm.errors import UserError, describe, in_one_line

_LIBRARIES = ("mmengine", "mmaction", "mmcv", "torch")
_REFUSALS = (TypeError, ValueError, KeyError, AssertionError, AttributeError, RuntimeError)
# Steps of the Runner that read a section of the config.
_STEPS = ("build_", "setup_env", "set_randomness", "from_cfg", "__init__", "scale_lr", "register_")
# Of allocators of torch and numpy; errors of a size that no number holds.
_NO_MEMORY = re.compile(
    r"DefaultCPUAllocator: (can't allocate|not enough) memory|CUDA out of memory|"
    r"Storage size calculation overflowed|numel: integer multiplication overflow"
)
# Errors of the system without a file's name that are not the fault of code.
_OF_RESOURCES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_UNKNOWN = re.compile(r"__init__\(\) got an unexpected keyword argument '(.+)'$")
_MISSING = re.compile(r"__init__\(\) missing \d+ required [\w-]+ arguments?: (.+)")


def user_error_of(error: Exception) -> UserError | None:
    """The user error that describes an error of a run, or None if the config did not cause it."""
    if isinstance(error, urllib.error.URLError):
        return UserError(
            f"load_from: cannot be downloaded ({error.reason}); correct the address, or download "
            "the file by hand and give its path"
        )
    if isinstance(error, OSError):
        return _of_system(error)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
        return _without_memory(error, frames)
    if not isinstance(error, _REFUSALS):
        return None
    builds = [n for n, frame in enumerate(frames) if frame.f_code.co_name == "build_from_cfg"]
    if builds:
        build, inner = frames[builds[-1]], frames[builds[-1] + 1 :]
        built = build.f_locals.get("obj_cls")
        if built is None:
            return UserError(_without_class(error, build))
        refused = _refused(error, built, inner)
        if refused is not None:
            return refused
    return _refused_section(error, frames)


def _of_system(error: OSError) -> UserError | None:
    """The message for a file that the system refuses; None for sockets, pipes and the like."""
    if error.filename is None and error.errno not in _OF_RESOURCES:
        return None
    return UserError(f"{describe(error)}; correct the path, its permissions or the disk's limits")


def _without_memory(error: Exception, frames: list[FrameType]) -> UserError:
    builds = [frame for frame in frames if frame.f_code.co_name == "build_from_cfg"]
    built = builds[-1].f_locals.get("obj_cls") if builds else None
    where = f"while {built.__name__} is built" if inspect.isclass(built) else "in this run"
    return UserError(
        f"the memory does not suffice {where} ({in_one_line(error, 200)}); lower the sizes of the "
        "model, batch_size or num_workers"
    )


def _without_class(error: Exception, build: FrameType) -> str:
    """The message for a config whose ``type`` is missing or unknown."""
    cfg = build.f_locals.get("cfg")
    if isinstance(cfg, dict) and "type" in cfg:
        return f"type {cfg['type']!r}: {in_one_line(error, 200)}; correct the type"
    return f"a part of the config has no type: {_shown(cfg)}; add the name of its class"


def _refused(error: Exception, built: Any, inner: list[FrameType]) -> UserError | None:
    name = getattr(built, "__name__", str(built))
    text = str(error)
    unknown, missing = _UNKNOWN.search(text), _MISSING.search(text)
    if isinstance(error, TypeError) and unknown and _all_pass_on(inner, unknown[1]):
        options = ", ".join(all_options(built)) if isinstance(built, type) else ""
        return UserError(f"{name} has no option {unknown[1]!r}; its options: {options}")
    if isinstance(error, TypeError) and missing and _all_pass_on(inner, None):
        return UserError(f"{name} needs {missing[1]}; add it to the config of type={name!r}")
    if inner and all(_is_library(frame) for frame in inner):
        return UserError(f"{name}: {in_one_line(error, 200)}; correct the options of {name}")
    return None


def _refused_section(error: Exception, frames: list[FrameType]) -> UserError | None:
    """The message if a step of the Runner refuses the config, with only libraries below it."""
    for number in reversed(range(len(frames))):
        step = frames[number].f_code.co_name
        if not _is_library(frames[number]):
            return None
        if frames[number].f_globals["__name__"] == Runner.__module__ and step.startswith(_STEPS):
            section = step.removeprefix("build_").strip("_")
            return UserError(f"{section} of the run: {in_one_line(error, 200)}; correct the config")
    return None


def _all_pass_on(frames: list[FrameType], option: str | None) -> bool:
    """Whether each call only handed on keyword arguments, among them the option."""
    for frame in frames:
        code = frame.f_code
        if not code.co_flags & 0x08:  # no **kwargs
            return False
        place = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 0x04)
        kwargs = frame.f_locals.get(code.co_varnames[place], {})
        if option is not None and option not in kwargs:
            return False
    return True


def _is_library(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    return module.partition(".")[0] in _LIBRARIES


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 120 else f"{text[:120]}..."
