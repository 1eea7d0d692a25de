from .alignment import SemanticAlignment
from .backbones import MASAEncoder, MaskTokenEncoder
from .data_preprocessor import SignDataPreprocessor
from .decoders import FramePredictor, MotionDecoder, PartPredictor
from .heads import MASAHead
from .layers import AveragePooling, LearnedPooling
from .losses import MotionLoss, PartMotionLoss
from .recognizers import MASA, SignRecognizer

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
    "SemanticAlignment",
    "SignDataPreprocessor",
    "SignRecognizer",
]
