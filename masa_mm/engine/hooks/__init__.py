from .momentum_alignment_hook import MomentumAlignmentHook

__all__ = ["MomentumAlignmentHook"]
