"""What a user calls after training: exported models, their export and recognition."""

from masa_mm.inference.calibration import Calibration
from masa_mm.inference.clips import PoseClip, Recognition
from masa_mm.inference.exported_model import ExportedModel
from masa_mm.inference.model_info import ModelInfo

__all__ = ["Calibration", "ExportedModel", "ModelInfo", "PoseClip", "Recognition"]
