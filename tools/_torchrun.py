"""torchrun without a traceback at Ctrl-C and SIGTERM; its processes say what they saved."""

import sys

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.run import main

if __name__ == "__main__":
    try:
        main()
    except SignalException as error:
        sys.exit(128 + error.sigval)
