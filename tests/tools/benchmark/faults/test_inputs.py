"""The campaign of malformed inputs: a short run finds no fault, and each kind of fault is found."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toys.benchmark_toys import FOLDER
from toys.paths import ROOT

SCRIPT = FOLDER / "faults" / "inputs.py"


@pytest.fixture(scope="module")
def campaign():
    sys.path.append(str(SCRIPT.parent))
    import inputs

    return inputs


def test_a_short_campaign_finds_no_fault():
    """In a process of its own: the test process has threads, which a fork must not meet."""
    done = subprocess.run(
        [sys.executable, SCRIPT, "--number", "66", "--seed", "1"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    total = done.stdout.splitlines()[-1].strip("| ").split(" | ")
    assert total[0] == "all" and int(total[1]) >= 66
    assert int(total[2]) + int(total[3]) == int(total[1])


def spoken(text, code=1):
    print(text, file=sys.stderr)
    return code


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def touched():
    Path("executed").touch()
    return 0


def half_written():
    Path("made").mkdir()
    Path("made/out.safetensors").touch()
    return spoken("error: the disk is full")


ENDS = {
    "ok": lambda: 0,
    "refused": lambda: spoken("error: a.csv: it is damaged"),
    "traceback": lambda: [][1],
    "signal": killed,
    "hang": lambda: time.sleep(60),
    "memory": lambda: bytearray(8 << 30),
    "executed": touched,
    "garbled": lambda: spoken("error: \x1b[2J"),
    "leftover": half_written,
}


@pytest.mark.parametrize("result", ENDS)
def test_each_end_has_its_name(campaign, monkeypatch, tmp_path, result):
    monkeypatch.setattr(campaign, "SECONDS", 0.5 if result == "hang" else 20)
    kind = campaign.Kind("kind", lambda folder: None, ENDS[result])
    assert campaign.run_command(kind, tmp_path, ascii_only=True)[0] == result


def test_a_trial_depends_on_its_seed_and_number_alone(campaign, tmp_path):
    (kind,) = [kind for kind in campaign.KINDS if kind.name == "spoter"]
    trials = []
    for name in "ab":
        (tmp_path / name).mkdir()
        trials.append(campaign.run_trial(kind, 3, 0, tmp_path / name))
    assert trials[0] == trials[1]
    assert (tmp_path / "a/given").exists() == (tmp_path / "b/given").exists()
