"""Transforms on MMAction2's ``results`` keys; importing this registers them."""

from .affine import RandomPartAffine
from .corruption import DropFrames, DropJoints, JointNoise
from .hand_frames import KeepHandFrames
from .interpolation import InterpolateJoints
from .layout import CropSignParts, SelectSignJoints
from .masking import MotionAwareMasking
from .mirror import SwapHands
from .motion import MotionResidual, motion_residual, motion_weight
from .packing import PackSignInputs
from .sampling import SampleSignFrames
from .views import AlignmentViews, RandomFrameView

__all__ = [
    "AlignmentViews",
    "CropSignParts",
    "DropFrames",
    "DropJoints",
    "InterpolateJoints",
    "JointNoise",
    "KeepHandFrames",
    "MotionAwareMasking",
    "MotionResidual",
    "PackSignInputs",
    "RandomFrameView",
    "RandomPartAffine",
    "SampleSignFrames",
    "SelectSignJoints",
    "SwapHands",
    "motion_residual",
    "motion_weight",
]
