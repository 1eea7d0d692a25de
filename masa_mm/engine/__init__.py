from .hooks import (
    BufferedInfoHook,
    CompileHook,
    CoverageHook,
    DeferredCheckHook,
    EpochSeedHook,
    MomentumAlignmentHook,
)
from .strict_loading import load_strictly
from .strict_pretrained import CheckpointMismatchError, StrictPretrained

__all__ = [
    "BufferedInfoHook",
    "CheckpointMismatchError",
    "CompileHook",
    "CoverageHook",
    "DeferredCheckHook",
    "EpochSeedHook",
    "MomentumAlignmentHook",
    "StrictPretrained",
    "load_strictly",
]
