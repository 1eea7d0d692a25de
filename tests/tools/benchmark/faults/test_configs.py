"""The campaign of wrong configs runs, and a fault would be counted."""

import faulthandler
import importlib.util
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from toys.paths import ROOT

SCRIPT = ROOT / "tools/benchmark/faults/configs.py"


@pytest.fixture(scope="module")
def campaign():
    spec = importlib.util.spec_from_file_location("faults_configs", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_few_cases_end_well():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--cases", "3", "--seed", "1"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"cases": 3' in done.stdout


def fail():
    raise TypeError("a bug")


def die():
    faulthandler.disable()  # pytest's would print a traceback
    os.kill(os.getpid(), signal.SIGSEGV)


def execute():
    with open("executed", "w"):
        return 2


def one_line():
    print("error: what, where, how", file=sys.stderr)
    return 2


@pytest.mark.parametrize(
    ("run", "end"),
    [
        (one_line, "refused"),
        (lambda: 0, "trained"),
        (lambda: 2, "no single line"),
        (fail, "traceback"),
        (die, "signal"),
        (lambda: time.sleep(30), "hang"),
        (execute, "executed"),
    ],
    ids=["refused", "trained", "no line", "traceback", "signal", "hang", "executed"],
)
def test_each_end_is_told_apart(campaign, tmp_path, monkeypatch, run, end):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(campaign, "SECONDS", 1 if end == "hang" else 20)
    assert campaign.outcome(campaign.Case("x", run))[0] == end


def test_a_seed_gives_the_same_case(campaign, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files, base = campaign.write_bases(tmp_path)
    words = [campaign.make_case(random.Random("0 7"), files, base).words for _ in range(2)]
    assert words[0] == words[1]
