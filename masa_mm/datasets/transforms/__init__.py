"""Transforms on MMAction2's ``results`` keys; importing this registers them."""

from masa_mm.datasets.transforms.affine import RandomPartAffine
from masa_mm.datasets.transforms.corruption import DropFrames, DropJoints, JointNoise
from masa_mm.datasets.transforms.hand_frames import KeepHandFrames
from masa_mm.datasets.transforms.interpolation import InterpolateJoints
from masa_mm.datasets.transforms.layout import CropSignParts, SelectSignJoints
from masa_mm.datasets.transforms.masking import MotionAwareMasking
from masa_mm.datasets.transforms.mirror import SwapHands
from masa_mm.datasets.transforms.motion import MotionResidual, motion_residual, motion_weight
from masa_mm.datasets.transforms.packing import PackSignInputs
from masa_mm.datasets.transforms.sampling import SampleSignFrames
from masa_mm.datasets.transforms.views import AlignmentViews, RandomFrameView

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
