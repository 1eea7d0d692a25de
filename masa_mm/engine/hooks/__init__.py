from .epoch_seed_hook import EpochSeedHook
from .momentum_alignment_hook import MomentumAlignmentHook

__all__ = ["EpochSeedHook", "MomentumAlignmentHook"]
