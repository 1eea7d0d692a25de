"""The campaign of kills runs, and a few kills lose nothing."""

import sys

from toys import commands
from toys.paths import ROOT

SCRIPT = ROOT / "tools/benchmark/faults/training.py"


def test_a_few_kills_lose_nothing(tmp_path):
    out = commands.run(sys.executable, SCRIPT, "--random", 1, "--aimed", 2, cwd=tmp_path)
    assert "aimed: 2 kills" in out and "random: 1 kills" in out
    for failure in ("lost", "corrupt", "do not resume", "other weights", "leftovers"):
        lines = [line.split() for line in out.splitlines() if failure in line]
        assert len(lines) == 2 and all(line[0] == "0" for line in lines)
