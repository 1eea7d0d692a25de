"""A Python environment for MediaPipe's Holistic, beside the current one.

The release named here is the last whose wheel has the networks of Holistic. It needs NumPy below 2
and Python 3.9 to 3.12, which the current environment seldom has.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from masa_mm.atomic_write import make_folder
from masa_mm.preparation.extraction.estimators import EstimatorError
from masa_mm.preparation.extraction.holistic_process import HolisticProcess, last_line

VERSION = "0.10.21"
# The folder of the environment, if not that of :func:`default_folder`.
VARIABLE = "MASA_MEDIAPIPE_ENV"
# What Holistic imports. The wheel also asks for JAX, SciPy, sentencepiece and sounddevice, which
# other parts of MediaPipe use: 1 GB in all instead of 410 MB.
_REQUIREMENTS = (
    "absl-py",
    "attrs>=19.1",
    "flatbuffers>=2",
    "matplotlib",
    "numpy<2",
    "opencv-python-headless",
    "protobuf>=4.25.3,<5",
)
_SIZE = "130 MB to download, 410 MB on disk"
_PYTHONS = ("python3.12", "python3.11", "python3.10", "python3.9", "python3", "python")
_SUITS = "import ensurepip, sys, venv; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 12))"


def python_with_holistic() -> list[str]:
    """Return the command of a Python that runs Holistic.

    It is the current one if it can, otherwise that of the environment beside, which is made if it
    does not exist. Processes that ask at the same time wait for the one that makes it.

    Raises:
        EstimatorError: If the environment cannot be made.
    """
    if VARIABLE not in os.environ and _current_can():
        return [sys.executable]
    folder = environment_folder()
    if not _python_of(folder).exists():
        make_folder(folder.parent)
        with _locked(folder.with_name(f"{folder.name}.lock")):
            if not _python_of(folder).exists():
                _make(folder)
    # Isolated: PYTHONPATH and the user's own packages belong to the current Python.
    return [str(_python_of(folder)), "-I"]


def environment_folder() -> Path:
    """Return the folder of the environment: ``$MASA_MEDIAPIPE_ENV``, or one in the user's cache."""
    named = os.environ.get(VARIABLE)
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(named or Path(cache, "masa_mm", f"mediapipe-{VERSION}")).expanduser().absolute()


def _current_can() -> bool:
    """Whether the current Python runs Holistic; importing mediapipe tells nothing of its models."""
    return importlib.util.find_spec("mediapipe") is not None and _trial([sys.executable]) is None


def _trial(python: Sequence[str]) -> str | None:
    """Start Holistic; return why it does not start."""
    try:
        HolisticProcess(python, {}).close()
    except EstimatorError as error:
        return str(error)
    return None


def _python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time through; the lock ends with its process."""
    try:
        import fcntl
    except ImportError:  # Windows: two processes would each make the environment, one would stay
        yield
        return
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(folder: Path) -> None:
    """Make the environment under another name and rename it: a killed run leaves none by halves."""
    _refuse_other_content(folder)
    for left in folder.parent.glob(f"{folder.name}.part-*"):
        shutil.rmtree(left, ignore_errors=True)
    maker = _environment_maker()
    print(
        f"making an environment for MediaPipe {VERSION} in {folder}, once ({_SIZE})",
        file=sys.stderr,
    )
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}.part-", dir=folder.parent) as part:
        made = Path(part, "environment")
        _run("venv", [*maker, str(made)])
        _install(_python_of(made))
        shutil.rmtree(folder, ignore_errors=True)  # one whose Python is gone
        made.replace(folder)


def _refuse_other_content(folder: Path) -> None:
    """Refuse to replace anything but an environment, for example one whose Python is gone."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "pyvenv.cfg").is_file():
        raise EstimatorError(
            f"{folder}: holds other files than a Python environment; let {VARIABLE} name another "
            "folder"
        )


def _environment_maker() -> list[str]:
    """Return the command that makes an environment in the folder that follows it."""
    for python in _pythons():
        suits = subprocess.run([python, "-I", "-c", _SUITS], capture_output=True)
        if suits.returncode == 0:
            return [python, "-I", "-m", "venv"]
    if uv := shutil.which("uv", path=_search_path()):
        return [uv, "venv", "--quiet", "--seed", "--python", "3.12"]
    raise EstimatorError(
        f"MediaPipe {VERSION} needs Python 3.9 to 3.12, and none with 'venv' is on the PATH: "
        "install one (python3.12, on Debian also python3.12-venv), or 'pip install uv', which "
        "fetches one"
    )


def _pythons() -> Iterator[str]:
    yield sys.executable
    for name in _PYTHONS:
        for folder in os.get_exec_path():
            if found := shutil.which(name, path=folder):
                yield found


def _search_path() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()])


def _install(python: Path) -> None:
    pip = [str(python), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run("pip", [*pip, "--no-deps", f"mediapipe=={VERSION}"])
    _run("pip", [*pip, *_REQUIREMENTS])
    if reason := _trial([str(python), "-I"]):
        raise EstimatorError(reason)


def _run(tool: str, command: Sequence[str]) -> None:
    # Constraints and --user are meant for the current environment; they may ask for NumPy 2.
    environment = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    environment["PIP_USER"] = "0"
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        raise EstimatorError(
            f"the environment for MediaPipe {VERSION} cannot be made: {tool} says "
            f"'{last_line(done.stdout)}'; without a network it needs the wheels, see "
            "docs/data/extraction.md"
        )
