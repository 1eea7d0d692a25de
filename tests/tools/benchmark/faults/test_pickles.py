"""The fuzzer of pickles: a short run finds no failure, and each kind of failure is found."""

import os
import random
import signal
import subprocess
import sys

import pytest

from toys.benchmark_toys import FOLDER
from toys.paths import ROOT

SCRIPT = FOLDER / "faults" / "pickles.py"


@pytest.fixture(scope="module")
def fuzzer():
    sys.path.append(str(SCRIPT.parent))
    import pickles

    return pickles


def test_a_short_run_finds_no_failure():
    done = subprocess.run(
        [sys.executable, SCRIPT, "--runs", "200", "--seed", "3"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'files': 200" in done.stdout
    assert "'read'" in done.stdout and "'refused'" in done.stdout


def test_runs_are_repeatable(fuzzer):
    seeds = fuzzer.make_seeds()
    for kind in seeds:
        files = [fuzzer.make_file(kind, random.Random("0 7"), seeds) for _ in range(2)]
        other = fuzzer.make_file(kind, random.Random("0 8"), seeds)
        assert files[0] == files[1] != other


READERS = """
import os, signal, sys
sys.path.append({folder!r})
import pickles
def hang(path):
    signal.alarm(1)
    signal.pause()
def traceback(path):
    raise IndexError("x")
def memory(path):
    return bytearray(2**32)
def execution(path):
    os.mkdir("executed")
pickles.readers = lambda kind: [traceback, memory, execution, hang]
sys.argv = ["pickles.py", "--worker", sys.argv[1], "--runs", "2"]
pickles.main()
"""


def test_each_kind_of_failure_is_found(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", READERS.format(folder=str(SCRIPT.parent)), tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        text=True,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGALRM, done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        "run 0 pickle",
        '"raw IndexError: x in traceback"',
        '"raw MemoryError:  in memory"',
        '"executed"',
    ]
