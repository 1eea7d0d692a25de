from masa_mm.models.losses.info_nce import info_nce, info_nce_logits
from masa_mm.models.losses.motion_loss import MotionLoss, PartMotionLoss

__all__ = ["MotionLoss", "PartMotionLoss", "info_nce", "info_nce_logits"]
