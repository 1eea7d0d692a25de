"""Retrieval metrics against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import label_ranking_average_precision_score, ndcg_score, top_k_accuracy_score

from masa_mm.errors import UserError
from masa_mm.evaluation.accuracy import true_class_ranks
from masa_mm.evaluation.retrieval import best_of_gloss, retrieval_metrics


def test_metrics_equal_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=(200, 12)), rng.integers(12, size=200)
    metrics = retrieval_metrics(true_class_ranks(scores, labels), num_resamples=300)
    truth = np.eye(12)[labels]
    assert metrics["dcg"].value == pytest.approx(ndcg_score(truth, scores))
    expected = label_ranking_average_precision_score(truth, scores)
    assert metrics["mrr"].value == pytest.approx(expected)
    for k in (1, 5, 10):
        expected = top_k_accuracy_score(labels, scores, k=k, labels=range(12))
        assert metrics[f"recall@{k}"].value == pytest.approx(expected)
    for estimate in metrics.values():
        assert estimate.low < estimate.value < estimate.high
    # The interval of a share is about 2 standard errors to each side.
    share, low, high = metrics["recall@5"]
    width = 2 * 1.96 * (share * (1 - share) / 200) ** 0.5
    assert high - low == pytest.approx(width, rel=0.2)


def test_draws_are_averaged():
    metrics = retrieval_metrics(np.array([[0, 1], [0, 0]]))
    assert metrics["recall@1"].value == 0.75
    assert str(retrieval_metrics(np.array([0, 0]))["mrr"]) == "1.000 [1.000, 1.000]"
    with pytest.raises(UserError, match="no query"):
        retrieval_metrics(np.zeros(0, np.int64))


def test_a_gloss_counts_by_its_best_example():
    similarity = np.array([[0.1, 0.9, 0.5, 0.2], [0.3, 0.2, 0.1, 0.0]])
    scores = best_of_gloss(similarity, np.array([2, 0, 2, 0]), 3)
    np.testing.assert_array_equal(scores, [[0.9, -np.inf, 0.5], [0.2, -np.inf, 0.3]])
    assert (best_of_gloss(np.zeros((2, 0)), np.zeros(0, int), 2) == -np.inf).all()
