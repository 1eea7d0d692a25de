"""Top-k accuracy per instance and per class, with bootstrap intervals.

All functions work on the rank of the true class of each clip, which needs less memory than the
scores. Accuracies are fractions of 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from masa_mm.errors import UserError

# Resampled clips in memory at once, which limits the work arrays to about 100 MB.
_CHUNK_ELEMENTS = 2_000_000


def true_class_ranks(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count the other classes that score at least as high as the true class.

    Ties count against the prediction: a network that gives all classes the same score is always
    wrong for k < C.

    Args:
        scores (np.ndarray): [N, C] class scores of any scale, without NaN.
        labels (np.ndarray): [N] true classes in [0, C).

    Returns:
        np.ndarray: int64 [N]; 0 is the best. A clip counts for top-k if its rank is below k.

    Raises:
        UserError: If shapes do not fit, a score is NaN or a label is outside [0, C).
    """
    scores, labels = np.asarray(scores), np.asarray(labels)
    if scores.ndim != 2 or labels.shape != scores.shape[:1]:
        raise UserError(
            "scores must be [clips, classes] and labels [clips], "
            f"got {scores.shape} and {labels.shape}"
        )
    broken = np.isnan(scores).any(1)
    if broken.any():
        raise UserError(f"row {broken.argmax()}: the scores hold NaN")
    outside = (labels < 0) | (labels >= scores.shape[1])
    if outside.any():
        row = outside.argmax()
        raise UserError(f"row {row}: label {labels[row]} is not one of {scores.shape[1]} classes")
    true = np.take_along_axis(scores, labels[:, None].astype(np.int64), axis=1)
    return (scores >= true).sum(1, dtype=np.int64) - 1


def top_k_accuracies(
    ranks: np.ndarray, labels: np.ndarray, topk: Sequence[int] = (1, 5)
) -> dict[str, float]:
    """Accuracy per instance (``top{k}_pi``) and per class (``top{k}_pc``) for each k.

    Per instance (P-I) is the fraction of clips that are correct. Per class (P-C) is the mean of
    this fraction over the classes that have clips. ``ranks`` [N] are of :func:`true_class_ranks`,
    ``labels`` [N] the true classes.

    Raises:
        UserError: If there is no clip.

    Example:
        >>> top_k_accuracies(np.array([0, 0, 3]), np.array([7, 7, 9]), topk=(1,))
        {'top1_pi': 0.6666666666666666, 'top1_pc': 0.5}
    """
    ranks, labels = _sorted_by_label(ranks, labels)
    weights = np.ones((1, len(ranks)))
    return _named(topk, _weighted_accuracies(weights, ranks, labels, topk)[0].tolist())


def bootstrap_intervals(
    ranks: np.ndarray,
    labels: np.ndarray,
    topk: Sequence[int] = (1, 5),
    num_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap intervals of :func:`top_k_accuracies`.

    Clips are drawn with replacement. The per-class mean of a resample covers the classes in it. The
    intervals describe the variation due to the choice of test clips, not due to the training seed.

    Args:
        ranks (np.ndarray): [N] from :func:`true_class_ranks`.
        labels (np.ndarray): [N] true classes.
        topk (Sequence[int]): Values of k to report.
        num_resamples (int): Number of resamples. 1000 determine the ends of a 95 % interval to a
            few tenths of a percent.
        confidence (float): Mass of the interval.
        seed (int): Seed of the draws.

    Returns:
        dict: ``(low, high)`` under the names of :func:`top_k_accuracies`.

    Raises:
        UserError: If there is no clip, there are fewer than two resamples or ``confidence`` is
            outside (0, 1).
    """
    ranks, labels = _sorted_by_label(ranks, labels)
    if num_resamples < 2:
        raise UserError(f"num_resamples must be at least 2, got {num_resamples}")
    if not 0 < confidence < 1:
        raise UserError(f"confidence must lie between 0 and 1, got {confidence}")
    draws = np.concatenate(
        [
            _weighted_accuracies(weights, ranks, labels, topk)
            for weights in _resampled_weights(len(ranks), num_resamples, seed)
        ]
    )
    tail = 50 * (1 - confidence)
    low, high = np.percentile(draws, [tail, 100 - tail], axis=0)
    return _named(topk, list(zip(low.tolist(), high.tolist(), strict=True)))


def _sorted_by_label(ranks: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ranks, labels = np.asarray(ranks), np.asarray(labels)
    if ranks.shape != labels.shape or ranks.ndim != 1:
        raise UserError(f"ranks and labels must be [clips], got {ranks.shape} and {labels.shape}")
    if not len(ranks):
        raise UserError("there is no clip to score")
    order = np.argsort(labels, kind="stable")
    return ranks[order], labels[order]


def _resampled_weights(num_clips: int, num_resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each clip was drawn, [resamples, num_clips], in blocks that fit in memory."""
    rng = np.random.default_rng(seed)
    block = max(1, _CHUNK_ELEMENTS // num_clips)
    for start in range(0, num_resamples, block):
        rows = min(block, num_resamples - start)
        drawn = rng.integers(num_clips, size=(rows, num_clips))
        drawn += np.arange(rows)[:, None] * num_clips
        yield np.bincount(drawn.ravel(), minlength=rows * num_clips).reshape(rows, num_clips)


def _weighted_accuracies(
    weights: np.ndarray, ranks: np.ndarray, labels: np.ndarray, topk: Sequence[int]
) -> np.ndarray:
    """Accuracies [W, 2 K] (P-I and P-C for each k) for each row of clip weights [W, N].

    The labels must be sorted.
    """
    starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
    total = np.add.reduceat(weights, starts, axis=1)
    present = total > 0
    columns = []
    for k in topk:
        hits = np.add.reduceat(weights * (ranks < k), starts, axis=1)
        shares = np.divide(hits, total, out=np.zeros(hits.shape), where=present)
        columns += [hits.sum(1) / total.sum(1), shares.sum(1) / present.sum(1)]
    return np.stack(columns, axis=1)


def _named(topk: Sequence[int], values: Sequence) -> dict:
    return dict(zip([f"top{k}_{kind}" for k in topk for kind in ("pi", "pc")], values, strict=True))
