"""The one place that knows about broken releases of the MM stack.

:func:`apply` is called first thing by ``import masa_mm``, before mmaction is imported. Each
workaround is one function that names its upstream issue, looks whether the breakage is there, mends
it and says whether it did. Importing this package imports neither torch nor the MM stack.
"""

from __future__ import annotations

from masa_mm import versions

# The order of the workarounds: each may need what stands before it.
# isort: off
from masa_mm.compat import packages, samples, configs, checkpoints, cpu, logs

# isort: on
from masa_mm.compat.checkpoints import CheckpointError, load_from_local
from masa_mm.compat.workarounds import WORKAROUNDS, Workaround

__all__ = [
    "WORKAROUNDS",
    "CheckpointError",
    "Workaround",
    "active",
    "apply",
    "checkpoints",
    "configs",
    "cpu",
    "load_from_local",
    "logs",
    "packages",
    "samples",
]

_done: dict[str, bool] = {}  # name -> whether it was needed


def apply() -> None:
    """Check the installed releases and mend what is known to be broken in them; idempotent.

    Raises:
        ImportError: a release does not work or is missing, with the command that mends it.
    """
    problems = versions.problems()
    if problems:
        raise ImportError("\n".join(str(problem) for problem in problems))
    for item in WORKAROUNDS:
        if item.name not in _done:
            _done[item.name] = item.mend()


def active() -> list[Workaround]:
    """The workarounds that were needed here."""
    return [item for item in WORKAROUNDS if _done.get(item.name)]
