"""What the commands that read clips share: their exit codes and options."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from masa_mm.errors import UserError, allow_any_output, print_error
from masa_mm.pose.skeleton import SOURCE_LAYOUTS

EXIT_SOME_FAILED, EXIT_USER_ERROR, EXIT_INTERRUPTED = 1, 2, 130


def run_on_clips(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    run: Callable[[argparse.Namespace], int],
) -> int:
    """Run a command and return its exit code.

    Args:
        parser (argparse.ArgumentParser): The parser of its options.
        argv (Sequence[str], optional): The options. Defaults to those of the process.
        run (Callable): Runs it, given the options; returns the number of clips that failed.

    Returns:
        int: 0, 1 if some clips failed, 2 for a wrong file or option, 130 after Ctrl-C.
    """
    allow_any_output()
    # OpenCV's decoder would print lines of its own on damaged videos.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    args = parser.parse_args(argv)
    try:
        return EXIT_SOME_FAILED if run(args) else 0
    except (UserError, OSError) as error:
        print_error(error)
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def add_joints_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--joints``."""
    parser.add_argument(
        "--joints",
        choices=SOURCE_LAYOUTS,
        metavar="LAYOUT",
        help="layout of the poses that the model was trained on, if they lacked joints, such as "
        "mediapipe_hands: all other joints are left out",
    )


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--device`` and ``--estimator``."""
    parser.add_argument("--device", help="such as cuda:0; default: a GPU if there is one")
    parser.add_argument("--estimator", default="mediapipe", help="pose estimator of videos")
