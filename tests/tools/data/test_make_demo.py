"""tools/data/make_demo.py writes three stores, or reports an error in one line."""

from __future__ import annotations

import os
import subprocess
import sys

from masa_mm.pose.store import PoseStore

from toys.paths import ROOT

FEW = ["--num-classes", "3", "--signers", "2", "1", "1", "--repetitions", "1", "1", "2"]


def run(*args: str) -> subprocess.CompletedProcess:
    # The package need not be installed.
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / "data" / "make_demo.py"), *args],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | dict(PYTHONPATH=path),
    )


def test_writes_three_stores_and_names_them(tmp_path):
    done = run(str(tmp_path / "data"), *FEW)
    assert done.returncode == 0, done.stderr
    sizes = {}
    for path in (tmp_path / "data").iterdir():
        store = PoseStore(path)
        sizes[path.name] = len(store)
        assert f"{path}: {len(store)} clips" in done.stdout
    assert sizes == {
        "demo_train.safetensors": 6,
        "demo_val.safetensors": 3,
        "demo_test.safetensors": 6,
    }


def test_bad_options_are_one_line(tmp_path):
    done = run(str(tmp_path), "--num-classes", "1")
    assert done.returncode == 2
    problem = "error: argument --num-classes: must be an integer of at least 2, got '1'"
    assert done.stderr.strip().splitlines()[-1].endswith(problem)
    assert not list(tmp_path.iterdir())
