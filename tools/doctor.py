"""Print the installed versions, the problems among them, and the command that fixes each.

    python tools/doctor.py

The exit code is 1 if there is a problem. The script needs only the standard library.
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
    """Print the report and return the exit code."""
    versions, compat = load("versions"), load("compat")
    print_versions(versions)
    problems = versions.problems() or import_problem(versions)
    if problems:
        print("\nproblems:")
        for what, command in problems:
            print(f"  {what}\n    fix it with: {command}")
        return 1
    compat.apply()
    print("\nrepairs of the MM stack in use (masa_mm/compat):")
    for repair in compat.active():
        print(f"  {repair.__doc__.splitlines()[0]}")
    print("\nno problems found")
    return 0


def load(name: str) -> types.ModuleType:
    """Load a module of masa_mm without running ``masa_mm/__init__.py``, which imports torch."""
    if "masa_mm" not in sys.modules:
        package = types.ModuleType("masa_mm")
        package.__path__ = [str(ROOT / "masa_mm")]
        sys.modules["masa_mm"] = package
    return importlib.import_module(f"masa_mm.{name}")


def print_versions(versions: types.ModuleType) -> None:
    """Print a line for each distribution of interest, and the GPUs."""
    rows = {"python": f"{platform.python_version()}  ({sys.executable})"}
    rows.update({name: versions.installed(name) for name in SHOWN})  # `|=` needs Python 3.9
    if rows["torch"]:
        rows["GPU"] = gpus()
    for name, value in rows.items():
        # Only one of the distributions that provide mmcv should be installed.
        if value or name not in versions.MMCV_DISTRIBUTIONS:
            print(f"{name:<16}{value or 'not installed'}")


def gpus() -> str:
    """Describe the GPUs that torch can use."""
    try:
        import torch
    except Exception as error:  # a broken build can raise anything
        return f"unknown, torch does not import: {error}"
    if not torch.cuda.is_available():
        return "none that torch can use, training runs on the CPU"
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return f"{', '.join(names)} (CUDA {torch.version.cuda})"


def import_problem(versions: types.ModuleType) -> list:
    """Run ``import masa_mm`` in a new process outside the repository; [] if it succeeds."""
    command = [sys.executable, "-c", "import masa_mm"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=Path(ROOT.anchor))
    if run.returncode == 0:
        return []
    last = (run.stderr.strip().splitlines() or [f"exit code {run.returncode}"])[-1]
    # mmcv-lite must not be installed over another mmcv.
    target = "." if versions.installed_mmcv() else '".[lite]"'
    command = f"cd {ROOT} && pip install -c constraints.txt -e {target}"
    return [versions.Problem(f"import masa_mm fails: {last}", command)]


if __name__ == "__main__":
    sys.exit(main())
