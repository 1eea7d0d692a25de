"""Check the installed releases by their metadata.

This module imports neither torch nor the MM stack, so that ``tools/doctor.py`` works in an
environment where they are missing or cannot be imported.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import NamedTuple

PYTHON = "3.10"
# Distribution -> (oldest release that works, first newer one that does not), as in setup.cfg.
SUPPORTED = {
    "torch": ("2.4", None),
    "mmengine": ("0.10", "0.11"),
    "mmaction2": ("1.1", "1.3"),
    "numpy": ("1.26", None),
    "rich": ("13", None),
    "safetensors": ("0.4", None),
    "scikit-learn": ("1.3", None),
    "scipy": ("1.11.2", None),
    "jinja2": ("3.1", None),
    "matplotlib": ("3.8", None),
    "tensorboard": ("2.14", None),
}
MMCV = ("2.0.1", "2.2")
# All of these provide the module `mmcv`; two of them overwrite each other's files.
MMCV_DISTRIBUTIONS = ("mmcv", "mmcv-lite", "mmcv-full")
TESTED_TORCH = "2.13.0"


class Problem(NamedTuple):
    """Something that keeps the package from working, and the command that fixes it."""

    what: str
    command: str

    def __str__(self) -> str:
        return f"{self.what}; fix it with: {self.command}"


def installed(distribution: str) -> str | None:
    """The installed version of a distribution, None if it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def installed_mmcv() -> dict[str, str]:
    """The installed distributions that provide ``mmcv``, name -> version."""
    return {name: version for name in MMCV_DISTRIBUTIONS if (version := installed(name))}


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version without local and pre-release parts: '2.1.0+cpu' -> (2, 1, 0)."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(number) for number in found.group().split(".")) if found else ()


def problems() -> list[Problem]:
    """Find all problems of the current environment."""
    return [*_python_problems(), *_distribution_problems(), *_mmcv_problems()]


def _python_problems() -> Iterator[Problem]:
    if sys.version_info[:2] < release(PYTHON):
        yield Problem(
            f"Python {sys.version.split()[0]} is too old, {PYTHON} or later is needed",
            "python3.11 -m venv .venv && . .venv/bin/activate && bash tools/run_tests.sh",
        )


def _distribution_problems() -> Iterator[Problem]:
    for name, (oldest, too_new) in SUPPORTED.items():
        version = installed(name)
        command = f"pip install {_requirement(name, oldest, too_new)}"
        if version is None:
            yield Problem(f"{name} is not installed", command)
        elif not _within(version, oldest, too_new):
            yield Problem(
                f"{name} {version} does not work, {_range(oldest, too_new)} does", command
            )


def _mmcv_problems() -> Iterator[Problem]:
    found = installed_mmcv()
    named = " and ".join(f"{name} {version}" for name, version in found.items())
    # mmcv-lite suffices for skeletons and installs from a wheel; mmcv may have to compile.
    command = f"pip install {_requirement('mmcv-lite', *MMCV)}"
    if found:
        command = f"pip uninstall -y {' '.join(found)} && {command}"
    if not found:
        yield Problem("neither mmcv nor mmcv-lite is installed", command)
    elif len(found) > 1:
        yield Problem(f"{named} overwrite each other's files, only one may be installed", command)
    elif not all(_within(version, *MMCV) for version in found.values()):
        yield Problem(
            f"{named} is refused by mmaction2 (open-mmlab/mmaction2#2852), {_range(*MMCV)} works",
            command,
        )


def _within(version: str, oldest: str, too_new: str | None) -> bool:
    numbers = release(version)
    return numbers >= release(oldest) and (too_new is None or numbers < release(too_new))


def _requirement(name: str, oldest: str, too_new: str | None) -> str:
    if name == "torch":
        return f"torch=={TESTED_TORCH}"
    return f'"{name}>={oldest}{f",<{too_new}" if too_new else ""}"'


def _range(oldest: str, too_new: str | None) -> str:
    return f"from {oldest}" + (f" and below {too_new}" if too_new else "")
