from .masa_head import MASAHead

__all__ = ["MASAHead"]
