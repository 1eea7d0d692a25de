"""Models: MASA, its recogniser and what they are made of."""

from masa_mm.models.alignment import SemanticAlignment
from masa_mm.models.backbones import MASAEncoder
from masa_mm.models.decoders import FramePredictor, MotionDecoder
from masa_mm.models.heads import MASAHead
from masa_mm.models.layers.pooling import AveragePooling, LearnedPooling
from masa_mm.models.losses import MotionLoss
from masa_mm.models.recognizers import MASA, SignDataPreprocessor, SignRecognizer
from masa_mm.models.reference import (
    MaskTokenEncoder,
    PartMotionLoss,
    PartPredictor,
    ReferenceDecoder,
    ReferenceEncoder,
    ReferenceMASA,
    ReferencePooling,
)

__all__ = [
    "MASA",
    "AveragePooling",
    "FramePredictor",
    "LearnedPooling",
    "MASAEncoder",
    "MASAHead",
    "MaskTokenEncoder",
    "MotionDecoder",
    "MotionLoss",
    "PartMotionLoss",
    "PartPredictor",
    "ReferenceDecoder",
    "ReferenceEncoder",
    "ReferenceMASA",
    "ReferencePooling",
    "SemanticAlignment",
    "SignDataPreprocessor",
    "SignRecognizer",
]
