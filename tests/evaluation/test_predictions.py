"""Dumped predictions come back as they were, and a hostile file executes nothing."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.evaluator import DumpResults

from masa_mm.evaluation import load_predictions
from masa_mm.pose.safe_pickle import UnsafePickleError


def test_reads_what_dump_results_writes(tmp_path):
    path = tmp_path / "predictions.pkl"
    metric = DumpResults(out_file_path=str(path))
    scores = torch.rand(5, 3)
    for row, label in zip(scores, [0, 2, 1, 1, 0]):
        sample = ActionDataSample(metainfo=dict(frame_dir=f"clip_{label}", img_shape=(1, 1)))
        sample.set_gt_label(label).set_pred_score(row).set_pred_label(row.argmax())
        metric.process(None, [sample.to_dict()])
    metric.evaluate(5)
    found = load_predictions(path)
    np.testing.assert_array_equal(found.scores, scores.numpy())
    assert found.labels.tolist() == [0, 2, 1, 1, 0]
    assert found.names[:2] == ("clip_0", "clip_2")


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_hostile_files_execute_nothing(tmp_path):
    path, trace = tmp_path / "bad.pkl", tmp_path / "executed"
    path.write_bytes(pickle.dumps([dict(pred_score=Hostile(trace))]))
    with pytest.raises(UnsafePickleError, match=r"bad\.pkl.*mkdir"):
        load_predictions(path)
    # Hidden in the bytes that torch's own unpickling would load without a check.
    inner = pickle.dumps(Hostile(trace))

    class Storage:
        def __reduce__(self):
            return torch.storage._load_from_bytes, (inner,)

    path.write_bytes(pickle.dumps([dict(pred_score=Storage())]))
    with pytest.raises(UnsafePickleError):
        load_predictions(path)
    assert not trace.exists()


@pytest.mark.parametrize("content", [[], {"a": 1}, [{}], [dict(pred_score=1.0, gt_label=1)], [3]])
def test_other_pickles_are_refused_by_name(tmp_path, content):
    path = tmp_path / "other.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=r"other\.pkl"):
        load_predictions(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.pkl"):
        load_predictions(tmp_path / "none.pkl")
