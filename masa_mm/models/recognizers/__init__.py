"""Pretraining and recognition models."""

from masa_mm.models.recognizers.masa import MASA
from masa_mm.models.recognizers.sign_recognizer import SignDataPreprocessor, SignRecognizer

__all__ = ["MASA", "SignDataPreprocessor", "SignRecognizer"]
