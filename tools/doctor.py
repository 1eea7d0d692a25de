"""What is installed, what of it does not fit, and the one command that mends each.

    python tools/doctor.py

Exits with 1 if something is broken. Runs with the standard library alone, whatever is missing.
"""

from __future__ import annotations

import importlib
import platform
import subprocess
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHOWN = (
    *("torch", "mmengine", "mmaction2", "mmcv", "mmcv-lite", "mmcv-full", "numpy", "safetensors"),
    *("scikit-learn", "scipy", "matplotlib", "opencv-python", "tensorboard", "yapf", "setuptools"),
    "masa_mm",
)


def main() -> int:
    """Print the report; returns the exit code."""
    versions, compat = load("versions"), load("compat")
    print_versions(versions)
    broken = versions.problems()
    if not broken:
        broken = import_problem(versions)
    if broken:
        print("\nbroken:")
        for what, mend in broken:
            print(f"  {what}\n    mend it with: {mend}")
        return 1
    compat.apply()
    print("\nworkarounds in use:")
    for item in compat.active():
        print(f"  {item.name:<30}{item.issue}")
    print("\neverything fits")
    return 0


def load(name: str) -> types.ModuleType:
    """A module of masa_mm without what ``import masa_mm`` imports, which may be what is broken."""
    if "masa_mm" not in sys.modules:
        package = types.ModuleType("masa_mm")
        package.__path__ = [str(ROOT / "masa_mm")]
        sys.modules["masa_mm"] = package
    return importlib.import_module(f"masa_mm.{name}")


def print_versions(versions: types.ModuleType) -> None:
    """One line for each distribution of interest, and the GPUs."""
    rows = {"python": f"{platform.python_version()}  ({sys.executable})"}
    rows.update({name: versions.installed(name) for name in SHOWN})  # `|=` needs Python 3.9
    if rows["torch"]:
        rows["GPU"] = gpus()
    for name, value in rows.items():
        # Of the packages that provide mmcv only one is wanted: silent about the absent ones.
        if value or name not in versions.MMCV_DISTRIBUTIONS:
            print(f"{name:<16}{value or 'not installed'}")


def gpus() -> str:
    """What torch says of CUDA, in words."""
    try:
        import torch
    except Exception as error:  # a broken build can raise anything
        return f"unknown, torch does not import: {error}"
    if not torch.cuda.is_available():
        return "none that torch can use, training runs on the CPU"
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return f"{', '.join(names)} (CUDA {torch.version.cuda})"


def import_problem(versions: types.ModuleType) -> list:
    """What ``import masa_mm`` says in a fresh process elsewhere, if it fails."""
    command = [sys.executable, "-c", "import masa_mm"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=Path(ROOT.anchor))
    if run.returncode == 0:
        return []
    last = (run.stderr.strip().splitlines() or [f"exit code {run.returncode}"])[-1]
    # An mmcv that is there must not get mmcv-lite on top.
    target = "." if versions.installed_mmcv() else '".[lite]"'
    mend = f"cd {ROOT} && pip install -c constraints.txt -e {target}"
    return [versions.Problem(f"import masa_mm fails: {last}", mend)]


if __name__ == "__main__":
    sys.exit(main())
