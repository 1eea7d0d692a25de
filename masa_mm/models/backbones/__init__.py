from .masa_encoder import MASAEncoder

__all__ = ["MASAEncoder"]
