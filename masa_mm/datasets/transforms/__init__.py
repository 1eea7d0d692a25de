"""Transforms on MMAction2's ``results`` keys; importing this package registers them."""

from masa_mm.datasets.transforms.detector_errors import (
    DropFrames,
    DropJoints,
    InterpolateJoints,
    JointNoise,
)
from masa_mm.datasets.transforms.geometry import RandomPartAffine, SwapHands
from masa_mm.datasets.transforms.layout import CropSignParts, SelectSignJoints
from masa_mm.datasets.transforms.masking import MotionAwareMasking
from masa_mm.datasets.transforms.motion import MotionResidual, motion_residual, motion_weight
from masa_mm.datasets.transforms.packing import PackSignInputs
from masa_mm.datasets.transforms.reference import (
    ReferenceCropSignParts,
    ReferenceMotionAwareMasking,
    ReferenceMotionResidual,
)
from masa_mm.datasets.transforms.sampling import (
    AlignmentViews,
    KeepHandFrames,
    RandomFrameView,
    SampleSignFrames,
)

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
    "ReferenceCropSignParts",
    "ReferenceMotionAwareMasking",
    "ReferenceMotionResidual",
    "SampleSignFrames",
    "SelectSignJoints",
    "SwapHands",
    "motion_residual",
    "motion_weight",
]
