"""Signs from file to batch; importing registers datasets, transforms and the collate function."""

from . import transforms
from .collate import pad_clips

__all__ = ["pad_clips", "transforms"]
