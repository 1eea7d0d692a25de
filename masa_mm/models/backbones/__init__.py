from .masa_encoder import MASAEncoder
from .mask_token_encoder import MaskTokenEncoder

__all__ = ["MASAEncoder", "MaskTokenEncoder"]
