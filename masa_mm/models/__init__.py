from .alignment import SemanticAlignment
from .backbones import MASAEncoder
from .data_preprocessor import SignDataPreprocessor
from .decoders import MotionDecoder
from .heads import MASAHead
from .losses import MotionLoss
from .recognizers import MASA, SignRecognizer

__all__ = [
    "MASA",
    "MASAEncoder",
    "MASAHead",
    "MotionDecoder",
    "MotionLoss",
    "SemanticAlignment",
    "SignDataPreprocessor",
    "SignRecognizer",
]
