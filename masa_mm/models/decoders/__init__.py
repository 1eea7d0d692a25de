from masa_mm.models.decoders.motion_decoder import MotionDecoder
from masa_mm.models.decoders.predictors import FramePredictor, PartPredictor

__all__ = ["FramePredictor", "MotionDecoder", "PartPredictor"]
