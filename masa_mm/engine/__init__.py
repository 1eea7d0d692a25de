from .hooks import EpochSeedHook, MomentumAlignmentHook
from .strict_pretrained import CheckpointMismatchError, StrictPretrained

__all__ = ["CheckpointMismatchError", "EpochSeedHook", "MomentumAlignmentHook", "StrictPretrained"]
