from .motion_decoder import MotionDecoder
from .predictors import FramePredictor, PartPredictor

__all__ = ["FramePredictor", "MotionDecoder", "PartPredictor"]
