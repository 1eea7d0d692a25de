from .coverage_hook import CoverageHook
from .epoch_seed_hook import EpochSeedHook
from .momentum_alignment_hook import MomentumAlignmentHook

__all__ = ["CoverageHook", "EpochSeedHook", "MomentumAlignmentHook"]
