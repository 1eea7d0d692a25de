"""The campaign of kills and faults of writers runs and finds nothing lost."""

import re
import sys

import pytest

from toys.commands import run
from toys.paths import ROOT

SCRIPT = ROOT / "tools" / "benchmark" / "faults" / "writers.py"


@pytest.mark.skipif(sys.platform != "linux", reason="it forks and mounts")
def test_a_short_campaign_finds_nothing_lost(tmp_path):
    sizes = ("--conversions", "1", "--every", "9", "--extractions", "1", "--pairs", "1")
    out = run(
        sys.executable,
        SCRIPT,
        *sizes,
        "--clips",
        "5",
        "--videos",
        "3",
        cwd=tmp_path,
        PYTHONWARNINGS="ignore",
    )
    results = [line for line in out.splitlines() if " bad " in line]  # not warnings of old releases
    lines = dict(line.split(": ", 1) for line in results)
    assert lines.keys() == {
        "conversion",
        "extraction",
        "two writers",
        "full disk",
        "read-only folder",
        "file-size limit",
    }
    assert "random kills 1, kills at calls 2" in lines["conversion"]
    assert "random kills 1" in lines["extraction"] and "writers 5" in lines["file-size limit"]
    assert set(re.findall(r"bad \w+(?: \w+)? (\d+)", out)) == {"0"}
