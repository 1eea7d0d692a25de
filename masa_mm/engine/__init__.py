from .hooks import MomentumAlignmentHook
from .strict_pretrained import CheckpointMismatchError, StrictPretrained

__all__ = ["CheckpointMismatchError", "MomentumAlignmentHook", "StrictPretrained"]
