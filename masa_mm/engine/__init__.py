from .hooks import CoverageHook, EpochSeedHook, MomentumAlignmentHook
from .strict_loading import load_strictly
from .strict_pretrained import CheckpointMismatchError, StrictPretrained

__all__ = [
    "CheckpointMismatchError",
    "CoverageHook",
    "EpochSeedHook",
    "MomentumAlignmentHook",
    "StrictPretrained",
    "load_strictly",
]
