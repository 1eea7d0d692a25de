"""Metrics."""

from .accuracy import bootstrap_intervals, top_k_accuracies, true_class_ranks
from .sign_accuracy import SignAccuracy

__all__ = ["SignAccuracy", "bootstrap_intervals", "top_k_accuracies", "true_class_ranks"]
