"""Training with mmengine's Runner: hooks, strict loading and atomic writing of checkpoints."""

from masa_mm.engine.checkpoint_io import (
    AtomicBackend,
    CheckpointMismatchError,
    StrictPretrained,
    load_strictly,
)
from masa_mm.engine.hooks import (
    BufferedInfoHook,
    CompileHook,
    CoverageHook,
    DeferredCheckHook,
    EpochSeedHook,
    MomentumAlignmentHook,
    SyncStatisticsHook,
)
from masa_mm.engine.optim_constructor import QuietOptimWrapperConstructor

__all__ = [
    "AtomicBackend",
    "BufferedInfoHook",
    "CheckpointMismatchError",
    "CompileHook",
    "CoverageHook",
    "DeferredCheckHook",
    "EpochSeedHook",
    "MomentumAlignmentHook",
    "QuietOptimWrapperConstructor",
    "StrictPretrained",
    "SyncStatisticsHook",
    "load_strictly",
]
