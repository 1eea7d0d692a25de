"""SignAccuracy against plain loops: ties, absent classes, bad input.

Covers also masa_mm.evaluation.accuracy.
"""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.registry import METRICS
from mmengine.evaluator import Evaluator
from mmengine.structures import BaseDataElement

from masa_mm.errors import UserError
from masa_mm.evaluation import SignAccuracy, bootstrap_intervals, top_k_accuracies, true_class_ranks


def loop_accuracies(scores, labels, topk):
    """The definitions, one clip at a time."""
    right = {
        k: [sum(s >= row[label] for s in row) <= k for row, label in zip(scores, labels)]
        for k in topk
    }
    found = {}
    for k in topk:
        found[f"top{k}_pi"] = sum(right[k]) / len(labels)
        shares = []
        for c in sorted(set(labels)):
            mine = [r for r, label in zip(right[k], labels) if label == c]
            shares.append(sum(mine) / len(mine))
        found[f"top{k}_pc"] = sum(shares) / len(shares)
    return found


def sample(scores, label, name="clip"):
    return dict(pred_score=torch.as_tensor(scores), gt_label=torch.tensor([label]), frame_dir=name)


@st.composite
def predictions(draw):
    num_clips, num_classes = draw(st.integers(1, 30)), draw(st.integers(2, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    # Few distinct scores, so that ties occur.
    scores = rng.integers(0, draw(st.integers(2, 50)), (num_clips, num_classes)) / 4
    return scores, rng.integers(num_classes, size=num_clips)


@given(predictions())
@settings(max_examples=100, deadline=None)
def test_accuracies_equal_plain_loops(case):
    scores, labels = case
    found = top_k_accuracies(true_class_ranks(scores, labels), labels, topk=(1, 2))
    assert found == pytest.approx(loop_accuracies(scores.tolist(), labels.tolist(), (1, 2)))


@given(predictions())
@settings(max_examples=50, deadline=None)
def test_metric_equals_plain_loops_whatever_the_batches(case):
    scores, labels = case
    metric = SignAccuracy(topk=(1, 2), num_resamples=0)
    samples = [sample(row, int(label)) for row, label in zip(scores, labels)]
    for start in range(0, len(samples), 7):
        metric.process(None, samples[start : start + 7])
    found = metric.evaluate(len(samples))
    expected = loop_accuracies(scores.tolist(), labels.tolist(), (1, 2))
    assert found == pytest.approx({f"sign/{name}": value for name, value in expected.items()})


def test_per_class_is_the_mean_of_present_classes():
    # Class 0: 3 of 4 right; class 5: 0 of 1; classes 1..4 have no clip and do not count.
    labels = np.array([0, 0, 0, 0, 5])
    found = top_k_accuracies(np.array([0, 0, 0, 4, 1]), labels, topk=(1,))
    assert found == {"top1_pi": 0.6, "top1_pc": 0.375}


def test_a_constant_classifier_is_never_right():
    labels = np.arange(6)
    ranks = true_class_ranks(np.zeros((6, 6)), labels)
    assert top_k_accuracies(ranks, labels, topk=(1, 5)) == dict.fromkeys(
        ["top1_pi", "top1_pc", "top5_pi", "top5_pc"], 0.0
    )


def test_intervals_are_seeded_and_hold_the_estimate():
    rng = np.random.default_rng(0)
    labels, ranks = rng.integers(12, size=150), rng.integers(0, 8, 150)
    estimate = top_k_accuracies(ranks, labels)
    intervals = bootstrap_intervals(ranks, labels, seed=3)
    assert intervals == bootstrap_intervals(ranks, labels, seed=3)
    assert intervals != bootstrap_intervals(ranks, labels, seed=4)
    assert all(low < estimate[name] < high for name, (low, high) in intervals.items())


def test_interval_of_a_share_has_the_binomial_width():
    ranks, labels = (np.arange(400) % 10 >= 3).astype(int), np.zeros(400, int)
    low, high = bootstrap_intervals(ranks, labels, topk=(1,), num_resamples=4000)["top1_pi"]
    half = 1.96 * np.sqrt(0.3 * 0.7 / 400)
    assert (low, high) == pytest.approx((0.3 - half, 0.3 + half), abs=0.006)


def test_intervals_equal_a_loop_over_resamples():
    rng = np.random.default_rng(1)
    labels, ranks = rng.integers(9, size=40), rng.integers(0, 4, 40)
    order = np.argsort(labels, kind="stable")
    drawn = np.random.default_rng(5).integers(40, size=(60, 40))
    draws = [
        loop_accuracies_of_ranks(ranks[order][row], labels[order][row], (1, 3)) for row in drawn
    ]
    expected = {
        name: tuple(np.percentile([draw[name] for draw in draws], [5, 95])) for name in draws[0]
    }
    found = bootstrap_intervals(ranks, labels, (1, 3), num_resamples=60, confidence=0.9, seed=5)
    assert found.keys() == expected.keys()
    for name in expected:
        assert found[name] == pytest.approx(expected[name])


def loop_accuracies_of_ranks(ranks, labels, topk):
    found = {}
    for k in topk:
        found[f"top{k}_pi"] = float(np.mean(ranks < k))
        found[f"top{k}_pc"] = float(np.mean([np.mean(ranks[labels == c] < k) for c in set(labels)]))
    return found


def test_a_large_test_set_takes_seconds():
    rng = np.random.default_rng(0)
    begin = time.perf_counter()
    bootstrap_intervals(rng.integers(0, 9, 6000), rng.integers(2000, size=6000))
    assert time.perf_counter() - begin < 10


def test_works_in_an_evaluator_for_save_best():
    evaluator = Evaluator(METRICS.build(dict(type="SignAccuracy", topk=(1, 2))))
    rows = [[0.1, 0.9, 0.0], [0.8, 0.1, 0.1], [0.2, 0.3, 0.5]]
    samples = [
        BaseDataElement(pred_score=torch.tensor(row), gt_label=torch.tensor([label]))
        for row, label in zip(rows, [1, 0, 0])
    ]
    evaluator.process(samples)
    found = evaluator.evaluate(3)
    assert found["sign/top1_pi"] == pytest.approx(2 / 3)
    assert found["sign/top1_pc"] == pytest.approx(3 / 4)
    assert {"sign/top1_pi_low", "sign/top1_pi_high", "sign/top2_pc_high"} <= found.keys()


def test_half_precision_and_bfloat16_scores_are_read():
    metric = SignAccuracy(topk=(1,), num_resamples=0)
    metric.process(None, [sample(torch.tensor([0.0, 1.0], dtype=torch.bfloat16), 1)])
    metric.process(None, [sample(torch.tensor([0.0, 1.0], dtype=torch.float16), 0)])
    assert metric.evaluate(2)["sign/top1_pi"] == 0.5


@pytest.mark.parametrize("kind", ["list", "names", "text", "json"])
def test_subsets_are_reported_apart(tmp_path, kind):
    (tmp_path / "a.txt").write_text("two\n0\n")
    (tmp_path / "a.json").write_text(json.dumps([2, "zero"]))
    subset = {
        "list": [0, 2],
        "names": ["zero", "two"],
        "text": str(tmp_path / "a.txt"),
        "json": tmp_path / "a.json",
    }[kind]
    metric = SignAccuracy(topk=(1,), subsets=dict(confusing=subset), num_resamples=10)
    metric.dataset_meta = dict(classes=["zero", "one", "two"])
    rows = np.eye(3)
    for predicted, label in [(0, 0), (1, 1), (1, 2), (1, 1)]:
        metric.process(None, [sample(rows[predicted], label)])
    found = metric.evaluate(4)
    assert found["sign/top1_pi"] == 0.75
    assert found["sign/confusing_top1_pi"] == 0.5
    assert found["sign/confusing_top1_pi_low"] <= 0.5 <= found["sign/confusing_top1_pi_high"]


@pytest.mark.parametrize(
    ("scores", "label", "message"),
    [
        ([0.1, np.nan, 0.2], 0, "clip 'bad'.*NaN"),
        ([0.1, 0.2, 0.2], -1, "clip 'bad' has no label"),
        ([0.1, 0.2, 0.2], 3, "clip 'bad': label 3 is outside the model's 3 classes"),
    ],
)
def test_bad_clips_are_named(scores, label, message):
    metric = SignAccuracy(topk=(1,))
    with pytest.raises(ValueError, match=message):
        metric.process(None, [sample([0.3, 0.4, 0.3], 1, "good"), sample(scores, label, "bad")])


def test_missing_label_and_scores_are_named():
    metric = SignAccuracy(topk=(1,))
    with pytest.raises(ValueError, match="clip 'x' has no label"):
        metric.process(None, [dict(pred_score=torch.ones(3), frame_dir="x")])
    with pytest.raises(ValueError, match="clip 'x' needs a 'pred_score'"):
        metric.process(None, [dict(gt_label=torch.tensor([1]), frame_dir="x")])


def evaluated(metric, num_classes):
    metric.process(None, [sample(np.arange(num_classes) == i, i) for i in range(num_classes)])
    return metric.evaluate(num_classes)


@pytest.mark.parametrize("classes", [None, [], ["a", "b", "c"]])
def test_k_above_the_number_of_classes_is_left_out_with_one_warning(monkeypatch, classes):
    """When the dataset is known, or with the first scores; once, however many epochs follow."""
    warnings = []
    print_log = "masa_mm.evaluation.sign_accuracy.print_log"
    monkeypatch.setattr(print_log, lambda text, **_: warnings.append(text))
    metric = SignAccuracy(topk=(1, 3, 5))
    metric.dataset_meta = dict(classes=classes)
    assert len(warnings) == bool(classes)
    for _ in range(2):
        found = evaluated(metric, 3)
    assert warnings == ["SignAccuracy: top-5 is not reported: there are only 3 classes"]
    assert found["sign/top1_pi"] == found["sign/top3_pc"] == 1
    assert not any("top5" in key for key in found)


def test_no_k_left_is_refused():
    with pytest.raises(UserError, match=r"topk is \(5, 9\), but there are 3 classes"):
        evaluated(SignAccuracy(topk=(5, 9)), 3)
    metric = SignAccuracy(topk=5)
    with pytest.raises(UserError, match="but there are 2 classes; set topk"):
        metric.dataset_meta = dict(classes=["a", "b"])


def test_other_refusals(tmp_path):
    with pytest.raises(ValueError, match="topk"):
        SignAccuracy(topk=(0, 1))
    with pytest.raises(FileNotFoundError, match="confusing"):
        SignAccuracy(subsets=dict(confusing=str(tmp_path / "none.txt")))
    with pytest.raises(ValueError, match="lists no class"):
        SignAccuracy(subsets=dict(confusing=[]))
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ValueError, match=r"broken.json: not a complete JSON file"):
        SignAccuracy(subsets=dict(confusing=tmp_path / "broken.json"))
    with pytest.raises(ValueError, match="no clip"):
        SignAccuracy().compute_metrics([])
    with pytest.raises(ValueError, match="row 1: the scores hold NaN"):
        true_class_ranks(np.array([[0, 1.0], [np.nan, 0]]), np.array([0, 1]))


def test_subsets_without_a_file_are_left_out_on_request(tmp_path):
    (tmp_path / "normal.txt").write_text("1\n")
    files = {name: str(tmp_path / f"{name}.txt") for name in ("confusing", "normal")}
    metric = SignAccuracy(topk=(1,), subsets=files, missing_subsets="skip", num_resamples=0)
    assert list(metric.subsets) == ["normal"]
    with pytest.raises(FileNotFoundError, match="no class list of subset 'confusing'"):
        SignAccuracy(subsets=files)
    with pytest.raises(ValueError, match="missing_subsets is 'error' or 'skip', not 'maybe'"):
        SignAccuracy(missing_subsets="maybe")


def test_unknown_and_empty_subsets_are_named():
    for subset, message in [
        (["WORD"], "'WORD' is neither"),
        ([7], "7 is neither"),
        ([1], "no clip"),
    ]:
        metric = SignAccuracy(topk=(1,), subsets=dict(confusing=subset))
        metric.process(None, [sample([0.3, 0.4, 0.3], 0)])
        with pytest.raises(ValueError, match=f"'confusing'.*{message}"):
            metric.evaluate(1)
