"""Late fusion: a weighted sum of the class scores of several systems (MASA, section IV; "+R").

The weights are hyperparameters, so they are searched on validation clips.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from masa_mm.errors import UserError
from masa_mm.evaluation.accuracy import top_k_accuracies, true_class_ranks

METRICS = ("top1_pi", "top1_pc")
MAX_TRIED = 20_000


class FusionWeights(NamedTuple):
    """Result of a search."""

    weights: np.ndarray  # float64 [systems], sum 1
    value: float  # the metric with them
    tried: int  # number of weight vectors tried
    tied: int  # number of them that reach this value


def fuse_scores(scores: np.ndarray, weights: Sequence[float] | np.ndarray) -> np.ndarray:
    """Sum the scores of systems by weights.

    Args:
        scores (np.ndarray): [systems, N, C].
        weights (Sequence[float] or np.ndarray): [systems], not negative and not all 0.

    Returns:
        np.ndarray: [N, C].

    Raises:
        UserError: If the weights do not fit.
    """
    weights = np.asarray(weights, np.float64)
    if weights.shape != (len(scores),):
        raise UserError(f"{len(scores)} systems need {len(scores)} weights, got {weights.size}")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise UserError(f"weights must be 0 or more, and not all 0, got {weights.tolist()}")
    return np.tensordot(weights, scores, 1)


def weight_grid(num_systems: int, steps: int) -> np.ndarray:
    """All weights that are multiples of 1 / steps and sum to 1, [W, systems].

    Raises:
        UserError: If there is no system, no step, or more than :data:`MAX_TRIED` weights.
    """
    if num_systems < 1 or steps < 1:
        raise UserError(f"a grid needs systems and steps, got {num_systems} and {steps}")
    count = math.comb(steps + num_systems - 1, num_systems - 1)
    if count > MAX_TRIED:
        raise UserError(
            f"{steps} steps for {num_systems} systems are {count} weights to try; take fewer steps"
        )
    # Stars and bars: the positions of the bars between the systems among the steps.
    bars = np.array(list(combinations(range(steps + num_systems - 1), num_systems - 1)), np.int64)
    bars = bars.reshape(count, num_systems - 1)
    ends = np.full((count, 1), steps + num_systems - 1)
    edges = np.concatenate([np.full((count, 1), -1), bars, ends], axis=1)
    return (np.diff(edges, axis=1) - 1) / steps


def search_weights(
    scores: np.ndarray, labels: np.ndarray, steps: int = 100, metric: str = "top1_pi"
) -> FusionWeights:
    """Search a grid for the weights with the highest accuracy on validation clips.

    Of several best weights, the result is closest to equal weights.

    Args:
        scores (np.ndarray): [systems, N, C] of validation clips.
        labels (np.ndarray): [N] true classes.
        steps (int): Number of steps between weights 0 and 1.
        metric (str): ``'top1_pi'`` (per instance) or ``'top1_pc'`` (per class).

    Raises:
        UserError: If the metric is unknown, there are too many weights to try, or scores and labels
            do not fit.
    """
    if metric not in METRICS:
        raise UserError(f"weights are chosen by {' or '.join(METRICS)}, got '{metric}'")
    grid = weight_grid(len(scores), steps)
    ranks = (true_class_ranks(fuse_scores(scores, weights), labels) for weights in grid)
    values = np.array([top_k_accuracies(rank, labels, topk=(1,))[metric] for rank in ranks])
    best = np.flatnonzero(values >= values.max() - 1e-12)
    distance = np.square(grid[best] - 1 / len(scores)).sum(1)
    chosen = best[distance.argmin()]
    return FusionWeights(grid[chosen], float(values[chosen]), len(grid), len(best))
