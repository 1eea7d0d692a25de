"""Metrics."""

from .accuracy import bootstrap_intervals, top_k_accuracies, true_class_ranks
from .predictions import Predictions, load_predictions
from .sign_accuracy import SignAccuracy

__all__ = [
    "Predictions",
    "SignAccuracy",
    "bootstrap_intervals",
    "load_predictions",
    "top_k_accuracies",
    "true_class_ranks",
]
