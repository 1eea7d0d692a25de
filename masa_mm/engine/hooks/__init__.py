"""Hooks of training runs."""

from masa_mm.engine.hooks.buffered_info_hook import BufferedInfoHook
from masa_mm.engine.hooks.compile_hook import CompileHook
from masa_mm.engine.hooks.coverage_hook import CoverageHook
from masa_mm.engine.hooks.deferred_check_hook import DeferredCheckHook
from masa_mm.engine.hooks.durable_checkpoint_hook import DurableCheckpointHook
from masa_mm.engine.hooks.epoch_seed_hook import EpochSeedHook
from masa_mm.engine.hooks.exchange_folder_hook import ExchangeFolderHook
from masa_mm.engine.hooks.lost_signal_hook import LostSignalHook
from masa_mm.engine.hooks.momentum_alignment_hook import MomentumAlignmentHook
from masa_mm.engine.hooks.save_on_sigterm_hook import SaveOnSigtermHook
from masa_mm.engine.hooks.sync_statistics_hook import SyncStatisticsHook

__all__ = [
    "BufferedInfoHook",
    "CompileHook",
    "CoverageHook",
    "DeferredCheckHook",
    "DurableCheckpointHook",
    "EpochSeedHook",
    "ExchangeFolderHook",
    "LostSignalHook",
    "MomentumAlignmentHook",
    "SaveOnSigtermHook",
    "SyncStatisticsHook",
]
