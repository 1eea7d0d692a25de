"""Classification heads."""

from masa_mm.models.heads.masa_head import MASAHead

__all__ = ["MASAHead"]
