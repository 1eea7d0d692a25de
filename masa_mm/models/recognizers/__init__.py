"""Pretraining and recognition models."""

from masa_mm.models.recognizers.data_preprocessor import SignDataPreprocessor
from masa_mm.models.recognizers.masa import MASA
from masa_mm.models.recognizers.sign_recognizer import SignRecognizer

__all__ = ["MASA", "SignDataPreprocessor", "SignRecognizer"]
