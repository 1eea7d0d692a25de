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
    DurableCheckpointHook,
    EpochSeedHook,
    ExchangeFolderHook,
    LostSignalHook,
    MomentumAlignmentHook,
    SaveOnSigtermHook,
    SyncStatisticsHook,
)
from masa_mm.engine.latest_checkpoint import find_latest, recorded_checkpoint
from masa_mm.engine.optim_constructor import QuietOptimWrapperConstructor
from masa_mm.engine.process_failure import StoppedByFirst
from masa_mm.engine.stop_signals import Stopped, stoppable

__all__ = [
    "AtomicBackend",
    "BufferedInfoHook",
    "CheckpointMismatchError",
    "CompileHook",
    "CoverageHook",
    "DeferredCheckHook",
    "DurableCheckpointHook",
    "EpochSeedHook",
    "ExchangeFolderHook",
    "LostSignalHook",
    "MomentumAlignmentHook",
    "QuietOptimWrapperConstructor",
    "SaveOnSigtermHook",
    "Stopped",
    "StoppedByFirst",
    "StrictPretrained",
    "SyncStatisticsHook",
    "find_latest",
    "load_strictly",
    "recorded_checkpoint",
    "stoppable",
]
