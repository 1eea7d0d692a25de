"""Transforms on MMAction2's ``results`` keys; importing this registers them."""

from .affine import RandomPartAffine
from .corruption import DropFrames, DropJoints, JointNoise
from .masking import MotionAwareMasking
from .mirror import SwapHands
from .motion import MotionResidual, motion_residual, motion_weight
from .packing import PackSignInputs
from .sampling import SampleSignFrames
from .views import AlignmentViews, RandomFrameView

__all__ = [
    "AlignmentViews",
    "DropFrames",
    "DropJoints",
    "JointNoise",
    "MotionAwareMasking",
    "MotionResidual",
    "PackSignInputs",
    "RandomFrameView",
    "RandomPartAffine",
    "SampleSignFrames",
    "SwapHands",
    "motion_residual",
    "motion_weight",
]
