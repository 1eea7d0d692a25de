"""The measurement of stops runs; each command ends as the signal asks, with no process left."""

import re
import sys

from toys import commands
from toys.paths import ROOT

SCRIPT = ROOT / "tools/benchmark/faults/stops.py"


def test_runs_stop_by_each_signal(tmp_path):
    out = commands.run(sys.executable, SCRIPT, "--repeats", 1, "--processes", 1, cwd=tmp_path)
    kinds = ("SIGINT", "SIGTERM", "SIGTERM with SaveOnSigtermHook")
    for kind in kinds:
        times = rf"^1, {kind}: iteration [\d.]+ \([\d.]+\), line [\d.]+ .*, end [\d.]+ .*$"
        assert re.search(times, out, re.MULTILINE)
