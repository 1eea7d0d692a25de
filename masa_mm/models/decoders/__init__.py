from .motion_decoder import MotionDecoder

__all__ = ["MotionDecoder"]
