from masa_mm.engine.hooks import (
    BufferedInfoHook,
    CompileHook,
    CoverageHook,
    DeferredCheckHook,
    EpochSeedHook,
    MomentumAlignmentHook,
)
from masa_mm.engine.strict_loading import load_strictly
from masa_mm.engine.strict_pretrained import CheckpointMismatchError, StrictPretrained

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
