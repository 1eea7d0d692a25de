"""Metrics, files of scores, late fusion, and classifiers on frozen features."""

from masa_mm.evaluation.accuracy import bootstrap_intervals, top_k_accuracies, true_class_ranks
from masa_mm.evaluation.fusion import FusionWeights, fuse_scores, search_weights
from masa_mm.evaluation.score_files import (
    AlignedScores,
    Predictions,
    align_scores,
    load_predictions,
    load_scores,
    save_scores,
)
from masa_mm.evaluation.sign_accuracy import SignAccuracy

__all__ = [
    "AlignedScores",
    "FusionWeights",
    "Predictions",
    "SignAccuracy",
    "align_scores",
    "bootstrap_intervals",
    "fuse_scores",
    "load_predictions",
    "load_scores",
    "save_scores",
    "search_weights",
    "top_k_accuracies",
    "true_class_ranks",
]
