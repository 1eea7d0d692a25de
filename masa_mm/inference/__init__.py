"""What a user calls after training: exported models, their export and recognition."""

from masa_mm.inference.calibration import Calibration
from masa_mm.inference.clips import PoseClip, Recognition
from masa_mm.inference.exported_model import ExportedModel
from masa_mm.inference.inferencer import SignInferencer
from masa_mm.inference.inputs import InputReader
from masa_mm.inference.model_info import ModelInfo
from masa_mm.inference.predictions import SignPrediction

__all__ = [
    "Calibration",
    "ExportedModel",
    "InputReader",
    "ModelInfo",
    "PoseClip",
    "Recognition",
    "SignInferencer",
    "SignPrediction",
]
