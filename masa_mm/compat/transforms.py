"""Repair transforms of mmaction2 that need a name that numpy 2 removed."""

from __future__ import annotations

import importlib
import types
from typing import Any

import numpy as np

# The modules of mmaction2 that use it: PoseCompact and MMCompact, and the extraction of frames.
_MODULES = ("mmaction.datasets.transforms.pose_transforms", "mmaction.utils.misc")


class _NumPyWithInf(types.ModuleType):
    """numpy, as a module sees it, with the old name of infinity."""

    Inf = np.inf

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def numpy_infinity() -> bool:
    """Provide ``np.Inf``, which numpy 2 removed, to the modules of mmaction2 that use it.

    ``PoseCompact``, ``MMCompact`` and ``frame_extract`` raise ``AttributeError: `np.Inf` was
    removed in the NumPy 2.0 release``. numpy itself stays as it is.
    Upstream: no report found.
    """
    if hasattr(np, "Inf"):
        return False
    for name in _MODULES:
        vars(importlib.import_module(name))["np"] = _NumPyWithInf("numpy")
    return True
