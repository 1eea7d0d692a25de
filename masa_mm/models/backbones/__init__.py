"""Encoders."""

from masa_mm.models.backbones.masa_encoder import MASAEncoder

__all__ = ["MASAEncoder"]
