"""Code in a process of limited memory."""

from __future__ import annotations

import os
import subprocess
import sys

from toys.paths import ROOT

_LIMIT = """
import resource
def peak_memory():  # in GB; ru_maxrss would include that of the process that started this one
    line, = (x for x in open("/proc/self/status") if x.startswith("VmHWM:"))
    return int(line.split()[1]) / 2**20
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 3 * 2**30,) * 2)
"""


def run_limited(code: str, *arguments) -> list[str]:
    """Run code after ``import masa_mm`` with 3 GiB more of addresses; the lines that it prints.

    The code may call ``peak_memory()``.
    """
    program = f"import masa_mm\n{_LIMIT}{code}"
    command = [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    return done.stdout.splitlines()
