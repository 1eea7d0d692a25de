"""The benchmarks of the parts run, each once."""

import subprocess
import sys

import pytest

from toys.paths import ROOT

pytest.importorskip("pytest_benchmark")


def test_every_part_runs():
    options = ["--benchmark-disable", "--network", "tiny", "--clips", "2", "-q", "-p", "no:xdist"]
    found = subprocess.run(
        [sys.executable, "-m", "pytest", str(ROOT / "tools" / "benchmark" / "parts"), *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stdout
    assert "skipped" not in found.stdout
