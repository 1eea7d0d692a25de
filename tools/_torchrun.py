"""torchrun for dist_train.sh and dist_test.sh: one line instead of its traceback at a failure.

The process that failed has printed why. Its exit code is that of the command.
"""

from __future__ import annotations

import logging
import os
import signal
import sys

from torch.distributed import run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure


def main() -> int:
    """Start the processes by torchrun's arguments, wait for them and return the exit code."""
    # It reports the failed process, as this script does.
    logging.getLogger("torch.distributed.elastic.multiprocessing.api").disabled = True
    try:
        run.main()
    except ChildFailedError as error:
        rank, failure = min(error.failures.items(), key=_stopped_by_others)
        if failure.exitcode > 0:
            print(f"process {rank} ended with exit code {failure.exitcode}", file=sys.stderr)
            return failure.exitcode
        print(f"process {rank} was ended by {failure.signal_name()}", file=sys.stderr)
        return 128 - failure.exitcode
    except SignalException as error:  # its processes have ended and said what they saved
        os._exit(128 + error.sigval)  # the interpreter takes seconds to free its modules
    return 0


def _stopped_by_others(failure: tuple[int, ProcessFailure]) -> tuple[bool, int]:
    """Sort last the processes that torchrun stopped by SIGTERM after another one failed."""
    return failure[1].exitcode == -signal.SIGTERM, failure[1].timestamp


if __name__ == "__main__":
    sys.exit(main())
