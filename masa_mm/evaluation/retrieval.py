"""Metrics of a sign dictionary: at which rank a query finds its gloss, with bootstrap intervals.

They are those of ASL Citizen (Desai et al., NeurIPS 2023): recall at k, mean reciprocal rank (MRR)
and discounted cumulative gain (DCG). A query has one right gloss, so the ideal DCG is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from masa_mm.errors import UserError

RECALL_AT = (1, 5, 10)


class Estimate(NamedTuple):
    """A mean over queries with its percentile bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def best_of_gloss(similarity: np.ndarray, labels: np.ndarray, num_glosses: int) -> np.ndarray:
    """Score each gloss by its most similar example.

    Args:
        similarity (np.ndarray): [..., examples], larger is more similar.
        labels (np.ndarray): int64 [examples], gloss of each example.
        num_glosses (int): Number of glosses.

    Returns:
        np.ndarray: [..., num_glosses]; -inf for a gloss without examples.
    """
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    scores = np.full((*similarity.shape[:-1], num_glosses), -np.inf, similarity.dtype)
    if len(present):
        scores[..., present] = np.maximum.reduceat(similarity[..., order], starts, axis=-1)
    return scores


def retrieval_metrics(
    ranks: np.ndarray,
    recall_at: Sequence[int] = RECALL_AT,
    num_resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Compute recall at k, MRR and DCG.

    Args:
        ranks (np.ndarray): int64 [queries] or [draws of the examples, queries], rank of the right
            gloss (:func:`~masa_mm.evaluation.accuracy.true_class_ranks`), 0 is the best. Draws are
            averaged.
        recall_at (Sequence[int]): Values of k.
        num_resamples (int): Resamples of the queries for the 95 % intervals.
        seed (int): Seed of the draws.

    Returns:
        dict: Estimates 'recall@1', ..., 'mrr' and 'dcg'.

    Raises:
        UserError: If there is no query.

    Example:
        >>> retrieval_metrics(np.array([0, 1]))['mrr'].value
        0.75
    """
    ranks = np.atleast_2d(ranks)
    num_queries = ranks.shape[1]
    if not num_queries:
        raise UserError("there is no query whose gloss is in the dictionary")
    gains: dict[str, np.ndarray] = {f"recall@{k}": ranks < k for k in recall_at}
    gains |= dict(mrr=1 / (ranks + 1), dcg=1 / np.log2(ranks + 2))
    values = np.stack([gain.mean(0) for gain in gains.values()], 1)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(num_queries, np.full(num_queries, 1 / num_queries), num_resamples)
    low, high = np.percentile(drawn @ values / num_queries, [2.5, 97.5], axis=0)
    columns = zip(values.mean(0).tolist(), low.tolist(), high.tolist())
    return {name: Estimate(*column) for name, column in zip(gains, columns)}
