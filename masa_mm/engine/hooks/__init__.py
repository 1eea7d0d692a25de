from .buffered_info_hook import BufferedInfoHook
from .compile_hook import CompileHook
from .coverage_hook import CoverageHook
from .deferred_check_hook import DeferredCheckHook
from .epoch_seed_hook import EpochSeedHook
from .momentum_alignment_hook import MomentumAlignmentHook

__all__ = [
    "BufferedInfoHook",
    "CompileHook",
    "CoverageHook",
    "DeferredCheckHook",
    "EpochSeedHook",
    "MomentumAlignmentHook",
]
