"""Losses."""

from masa_mm.models.losses.info_nce import info_nce, info_nce_logits
from masa_mm.models.losses.motion_loss import MotionLoss

__all__ = ["MotionLoss", "info_nce", "info_nce_logits"]
