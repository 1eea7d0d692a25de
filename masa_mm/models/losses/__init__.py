from .info_nce import info_nce, info_nce_logits
from .motion_loss import MotionLoss

__all__ = ["MotionLoss", "info_nce", "info_nce_logits"]
