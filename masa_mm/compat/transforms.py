"""Repair transforms of mmaction2 that need a name that numpy 2 removed."""

from __future__ import annotations

import functools
import importlib
import types

# The modules of mmaction2 that use it: PoseCompact and MMCompact, and the extraction of frames.
_MODULES = ("mmaction.datasets.transforms.pose_transforms", "mmaction.utils.misc")


def numpy_infinity() -> bool:
    """Provide ``np.Inf``, which numpy 2 removed, to the modules of mmaction2 that use it.

    ``PoseCompact``, ``MMCompact`` and ``frame_extract`` raise ``AttributeError: `np.Inf` was
    removed in the NumPy 2.0 release``. numpy itself stays as it is.
    Upstream: no report found.
    """
    import numpy as np  # here, because tools/doctor.py runs without it

    if hasattr(np, "Inf"):
        return False
    numpy_with_inf = types.ModuleType("numpy")
    vars(numpy_with_inf).update(Inf=np.inf, __getattr__=functools.partial(getattr, np))
    for name in _MODULES:
        vars(importlib.import_module(name))["np"] = numpy_with_inf
    return True
