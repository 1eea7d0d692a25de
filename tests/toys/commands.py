"""Commands in a process of their own, as a user calls them."""

import os
import subprocess

from toys.paths import ROOT


def run(*command, cwd, code=0, **environment):
    """Run a command on the CPU in a folder; returns its output after checking its exit code."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "CUDA_VISIBLE_DEVICES": "",
            "OMP_NUM_THREADS": "1",
            **environment,
        },
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == code, done.stdout[-3000:]
    return done.stdout
