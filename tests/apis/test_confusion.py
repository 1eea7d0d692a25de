"""The picture of tools/test.py --confusion has every clip, and the log the worst mistakes."""

import pytest
import torch
from mmaction.registry import METRICS

from masa_mm.apis.confusion import ConfusionPicture
from masa_mm.visualization import results


@pytest.fixture
def drawn(monkeypatch):
    """The counts of each picture."""
    counts = []
    plot = results.plot_confusion

    def record(*args):
        counts.append(args[0])
        return plot(*args)

    monkeypatch.setattr("masa_mm.apis.confusion.plot_confusion", record)
    return counts


@pytest.fixture
def logged(monkeypatch):
    """The messages in the log."""
    messages = []
    monkeypatch.setattr(
        "masa_mm.apis.confusion.print_log", lambda text, logger: messages.append(text)
    )
    return messages


def sample(label, *scores):
    return dict(gt_label=torch.tensor([label]), pred_score=torch.tensor(scores))


def test_rows_are_true_classes_and_columns_the_best_scores(tmp_path, drawn, logged):
    metric = METRICS.build(dict(type="ConfusionPicture", out_file=str(tmp_path / "x.png")))
    metric.dataset_meta = dict(classes=["hello", "thanks"])
    batches = [[sample(0, 0.9, 0.1), sample(0, 0.2, 0.8)], [sample(1, 0.4, 0.6)]]
    for batch in batches:
        metric.process(None, batch)
    assert metric.evaluate(size=3) == {}
    assert drawn[0].tolist() == [[1, 1], [0, 1]]
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert logged[0].splitlines()[1:] == ["hello taken for thanks: 1"]


def test_classes_without_names_are_numbered(tmp_path, drawn, logged):
    metric = ConfusionPicture(str(tmp_path / "x.svg"))
    metric.process(None, [sample(2, 0.1, 0.8, 0.1)])
    metric.evaluate(size=1)
    assert drawn[0].shape == (3, 3) and "2 taken for 1: 1" in logged[0]
