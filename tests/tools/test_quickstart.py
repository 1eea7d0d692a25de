"""tools/quickstart.sh and its report: stages, failures, table."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from masa_mm.evaluation import Predictions
from masa_mm.pose.store import PoseStore
from masa_mm.preparation.demo import DemoConfig, store_path, write_demo_stores

from toys.paths import ROOT

TOOLS = ROOT / "tools"
FAKE_PYTHON = """#!/bin/bash
# A stand-in for python: trains nothing, but writes the files that the stages expect.
echo "ran: $*"
[[ "$*" == *"$FAIL"* ]] && { echo "the reason"; exit 3; }
while [ $# -gt 0 ]; do
    [ "$1" = --work-dir ] && mkdir -p "$2" && echo "$2/epoch_1.pth" > "$2/last_checkpoint"
    shift
done
exit 0
"""


@pytest.fixture(scope="module")
def report():
    spec = importlib.util.spec_from_file_location("report", TOOLS / "quickstart_report.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def quickstart(folder: Path, fail: str) -> subprocess.CompletedProcess:
    """Run a copy of tools/quickstart.sh with the stand-in for python."""
    (folder / "tools").mkdir()
    shutil.copy(TOOLS / "quickstart.sh", folder / "tools")
    (folder / "tools" / "_env.sh").write_text(f'PATH="{folder}:$PATH"\n')
    (folder / "python").write_text(FAKE_PYTHON)
    (folder / "python").chmod(0o755)
    return subprocess.run(
        ["bash", str(folder / "tools" / "quickstart.sh")],
        capture_output=True,
        text=True,
        env=os.environ | dict(FAIL=fail),
        timeout=60,
    )


def test_runs_all_stages_and_announces_each_in_one_line(tmp_path):
    done = quickstart(tmp_path, fail="nothing fails")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for stage in (
        "demo data",
        "pretraining a",
        "finetuning",
        "without pretraining",
        "testing (scratch)",
    ):
        assert sum(stage in line for line in lines) == 1
    assert "done in" in lines[-1]
    logs = tmp_path / "work_dirs" / "quickstart" / "logs"
    assert (
        "checkpoint=work_dirs/quickstart/pretrain/epoch_1.pth"
        in (logs / "finetune.log").read_text()
    )
    assert "init_cfg=None" in (logs / "scratch.log").read_text()
    for name in ("finetune", "scratch"):
        tested = (logs / f"test_{name}.log").read_text()
        assert f"work_dirs/quickstart/{name}/epoch_1.pth" in tested
        assert f"--dump work_dirs/quickstart/{name}/predictions.pkl" in tested


@pytest.mark.parametrize(
    ("fail", "stage"),
    [
        ("make_demo.py", "generating demo data"),
        ("masa_pretrain_demo.py", "pretraining a small MASA"),
        ("quickstart/scratch ", "without pretraining"),
        ("quickstart_report.py", "reporting"),
    ],
)
def test_a_failure_stops_with_the_stage_and_the_reason(tmp_path, fail, stage):
    done = quickstart(tmp_path, fail)
    assert done.returncode != 0
    assert "quickstart failed while: " in done.stderr and stage in done.stderr.splitlines()[-1]
    assert "the reason" in done.stderr + done.stdout
    assert "done in" not in done.stdout


def test_the_table_compares_both_runs_with_chance(report, tmp_path):
    write_demo_stores(tmp_path, DemoConfig(num_classes=6, signers=(1, 1, 2), repetitions=(1, 1, 1)))
    store = PoseStore(store_path(tmp_path, "test"))
    labels = np.array(store.label)
    right = np.eye(6)[labels]
    names = tuple(store.ids)
    half = np.where(np.arange(12)[:, None] < 6, right, -right)
    results = {
        "with pretraining": Predictions(right, labels, names),
        "without pretraining": Predictions(half, labels, names),
    }
    lines = report.table(results, store, num_labels=6).splitlines()
    found = {line[:22].strip(): line[22:].split() for line in lines}
    assert "12 test clips of 6 signs, 2 signers" in lines[1] and "6 labelled clips" in lines[1]
    assert found["chance"] == ["16.7%", "83.3%"]
    # In half of the clips the true class has the lowest of six scores: wrong in top-5, too.
    assert found["without pretraining"][0] == "50.0%"
    assert found["with pretraining"][0] == "100.0%"


def test_a_missing_run_is_one_line(report, tmp_path, capsys):
    assert report.main([str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("quickstart_report: ")
