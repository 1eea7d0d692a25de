"""Motion decoders."""

from masa_mm.models.decoders.motion_decoder import FramePredictor, MotionDecoder

__all__ = ["FramePredictor", "MotionDecoder"]
