"""Late fusion against cases computed by hand and a plain search."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.evaluation import fuse_scores, search_weights
from masa_mm.evaluation.fusion import weight_grid


def test_a_fused_score_by_hand():
    scores = np.array([[[0.6, 0.4], [0.1, 0.9]], [[0.0, 1.0], [0.5, 0.5]]])
    fused = fuse_scores(scores, [0.25, 0.75])
    np.testing.assert_allclose(fused, [[0.15, 0.85], [0.4, 0.6]])


def test_the_best_weights_by_hand():
    """Clip 0 is right from w > 0.7 / 1.7 on, clip 1 below 1.19 / 1.99: between them both are."""
    scores = np.array([[[1.0, 0.0], [0.8, 0.0]], [[0.0, 0.7], [0.0, 1.19]]])
    found = search_weights(scores, np.array([0, 1]), steps=10)
    assert found.weights.tolist() == [0.5, 0.5] and found.value == 1.0
    assert (found.tried, found.tied) == (11, 1)
    # With a finer grid several are as good: the most equal of them is taken.
    finer = search_weights(scores, np.array([0, 1]), steps=100)
    assert finer.weights.tolist() == [0.5, 0.5] and finer.tied == 18  # 0.42 to 0.59


def test_a_useless_system_gets_no_more_than_it_is_worth():
    rng = np.random.default_rng(0)
    labels = rng.integers(5, size=200)
    good = np.eye(5)[labels] + rng.normal(0, 0.4, (200, 5))
    found = search_weights(np.stack([good, rng.normal(0, 5, (200, 5))]), labels, steps=20)
    assert found.weights[0] >= 0.9


@settings(max_examples=30, deadline=None)
@given(
    systems=st.integers(1, 3),
    steps=st.integers(1, 5),
    metric=st.sampled_from(["top1_pi", "top1_pc"]),
    seed=st.integers(0, 99),
)
def test_equals_a_plain_search(systems, steps, metric, seed):
    rng = np.random.default_rng(seed)
    scores, labels = rng.normal(size=(systems, 12, 4)), rng.integers(4, size=12)
    tried = {}
    for counts in itertools.product(range(steps + 1), repeat=systems):
        if sum(counts) != steps:
            continue
        hits = {}
        for n, label in enumerate(labels.tolist()):
            total = [
                sum(c / steps * scores[s, n, k] for s, c in enumerate(counts)) for k in range(4)
            ]
            hits.setdefault(label, []).append(
                total[label] == max(total) and total.count(max(total)) == 1
            )
        shares = [np.mean(values) for values in hits.values()]
        every = [hit for values in hits.values() for hit in values]
        tried[counts] = np.mean(shares if metric == "top1_pc" else every)
    found = search_weights(scores, labels, steps, metric)
    best = max(tried.values())
    equally_good = [counts for counts, value in tried.items() if value > best - 1e-9]
    assert found.value == pytest.approx(best)
    assert (found.tried, found.tied) == (len(tried), len(equally_good))
    spread = {c: sum((x / steps - 1 / systems) ** 2 for x in c) for c in equally_good}
    chosen = tuple(np.rint(found.weights * steps).astype(int).tolist())
    assert spread[chosen] == pytest.approx(min(spread.values()))


@pytest.mark.parametrize(("systems", "steps"), [(1, 3), (2, 4), (3, 3), (4, 2)])
def test_the_grid_is_complete(systems, steps):
    grid = weight_grid(systems, steps)
    expected = {
        counts
        for counts in itertools.product(range(steps + 1), repeat=systems)
        if sum(counts) == steps
    }
    assert {tuple(row) for row in np.rint(grid * steps).astype(int).tolist()} == expected
    assert len(grid) == len(expected)
    np.testing.assert_allclose(grid.sum(1), 1)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1], "2 systems need 2 weights, got 1"),
        ([1, -1], "0 or more"),
        ([0, 0], "not all 0"),
        ([1, float("nan")], "0 or more"),
    ],
)
def test_bad_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        fuse_scores(np.zeros((2, 1, 2)), weights)


def test_other_refusals():
    with pytest.raises(ValueError, match="take fewer steps"):
        weight_grid(6, 100)
    with pytest.raises(ValueError, match="got 2 and 0"):
        weight_grid(2, 0)
    with pytest.raises(ValueError, match="top1_pi or top1_pc, got 'top5'"):
        search_weights(np.zeros((2, 1, 2)), np.zeros(1, int), metric="top5")
