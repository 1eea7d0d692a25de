"""Lines of the log that say nothing."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from masa_mm.compat.workarounds import workaround

# What mmengine does as configured, or does itself against its own advice.
ROUTINE = (
    "paramwise_options -- ",  # several lines a parameter
    "is skipped since its requires_grad=False",  # frozen, as the model was asked to
    '"FileClient" will be deprecated',  # its own CheckpointHook uses it
    '"HardDiskBackend" is the alias of',  # so does FileClient
)


@workaround("open-mmlab/mmengine (unreported): a run begins with hundreds of lines of routine")
def quiet_start() -> bool:
    """Logs them at level DEBUG, so that warnings that matter are seen."""
    from mmengine.fileio import file_client
    from mmengine.optim.optimizer import default_constructor

    for module in (file_client, default_constructor):
        module.print_log = _routine_at_debug(module.print_log)
    return True


def _routine_at_debug(print_log: Callable) -> Callable:
    @functools.wraps(print_log)
    def log(msg: Any, logger: Any = None, level: int = logging.INFO) -> None:
        is_routine = any(words in str(msg) for words in ROUTINE)
        print_log(msg, logger, logging.DEBUG if is_routine else level)

    return log
