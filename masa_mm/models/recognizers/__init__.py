from .masa import MASA
from .sign_recognizer import SignRecognizer

__all__ = ["MASA", "SignRecognizer"]
