"""Exit codes of the commands that read clips."""

import argparse
import errno

import pytest

from masa_mm.apis.clip_commands import add_device_options, add_joints_option, run_on_clips
from masa_mm.errors import UserError


def failing(error):
    def run(args):
        raise error

    return run


@pytest.mark.parametrize(
    "run, code, line",
    [
        (lambda args: 0, 0, ""),
        (lambda args: 3, 1, ""),
        (failing(UserError("a.mp4: is damaged")), 2, "error: a.mp4: is damaged\n"),
        (failing(OSError(errno.ENOSPC, "No space left")), 2, "error: [Errno 28] No space left\n"),
        (failing(KeyboardInterrupt()), 130, "interrupted\n"),
    ],
    ids=["all", "some failed", "user error", "full disk", "Ctrl-C"],
)
def test_exit_codes(run, code, line, capsys):
    assert run_on_clips(argparse.ArgumentParser(), [], run) == code
    assert capsys.readouterr().err == line


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run_on_clips(argparse.ArgumentParser(), [], failing(ZeroDivisionError()))


def test_options():
    parser = argparse.ArgumentParser()
    add_joints_option(parser)
    add_device_options(parser)
    args = parser.parse_args(["--joints", "mediapipe_hands"])
    assert vars(args) == dict(joints="mediapipe_hands", device=None, estimator="mediapipe")
