"""The stand-in of MediaPipe in ``stand_in_mediapipe/``: its images, its processes, its wheel."""

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np

from masa_mm.preparation.extraction.mediapipe_environment import environment_folder

from toys.paths import ROOT

STAND_IN = ROOT / "tests" / "toys" / "stand_in_mediapipe"


def image(hands=0, body=1, size=(50, 100), dies=False):
    """An RGB image; its first pixel tells the stand-in what to find."""
    picture = np.zeros((*size, 3), np.uint8)
    picture[0, 0] = (hands, body, 13 if dies else 9)
    return picture


def is_alive(pid):
    """Whether a process exists; a child that nobody waited for does."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def ends(pid, seconds=10):
    """Whether another's process ends within some seconds; then it may wait to be collected."""
    for _ in range(20 * seconds):
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], stdout=subprocess.PIPE).stdout
        if not state.strip() or state.startswith(b"Z"):
            return True
        time.sleep(0.05)
    return False


def has_environment():
    """Whether the real MediaPipe's environment exists; tests do not download it."""
    return (environment_folder() / "bin" / "python").exists()


def write_environment(folder):
    """Write what looks like MediaPipe's environment: this Python, not isolated; return it."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nshift\nexec "{sys.executable}" "$@"\n')  # without -I
    python.chmod(0o755)
    return folder


def write_wheel(folder, version):
    """Write a wheel of the stand-in for pip; its environment borrows NumPy from this one."""
    name = f"mediapipe-{version}"
    about = ("Metadata-Version: 2.1", "Name: mediapipe", f"Version: {version}")
    tags = ("Wheel-Version: 1.0", "Root-Is-Purelib: true", "Tag: py3-none-any")
    files = {
        f"{name}.dist-info/METADATA": "\n".join(about),
        f"{name}.dist-info/WHEEL": "\n".join(tags),
        "numpy_of_the_tests.pth": str(Path(np.__file__).parents[1]),
    }
    for path in STAND_IN.rglob("*.py"):
        files[path.relative_to(STAND_IN).as_posix()] = path.read_text(encoding="utf-8")
    files[f"{name}.dist-info/RECORD"] = "".join(f"{file},,\n" for file in files)
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
