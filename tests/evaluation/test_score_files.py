"""Score files come back as they were, and what does not fit together is named."""

import os
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.structures import ActionDataSample
from mmengine.evaluator import DumpResults

from masa_mm.evaluation import (
    Predictions,
    align_scores,
    load_predictions,
    load_scores,
    save_scores,
)
from masa_mm.evaluation.score_files import ScoreFileError
from masa_mm.pose.safe_pickle import UnsafePickleError


def table(names="abc", labels=(0, 1, 2), classes=3, seed=0):
    scores = np.random.default_rng(seed).normal(size=(len(names), classes))
    return Predictions(scores, np.array(labels), tuple(names))


@settings(max_examples=30, deadline=None)
@given(
    ending=st.sampled_from([".npz", ".csv"]),
    clips=st.integers(1, 6),
    classes=st.integers(1, 5),
    seed=st.integers(0, 999),
)
def test_what_is_saved_comes_back_to_the_last_bit(tmp_path_factory, ending, clips, classes, seed):
    rng = np.random.default_rng(seed)
    names = [f'P01, "{i}" ü' for i in range(clips)]
    saved = table(names, rng.integers(-1, classes, clips), classes, seed)
    path = tmp_path_factory.mktemp("scores") / f"a{ending}"
    save_scores(path, saved)
    found = load_scores(path)
    np.testing.assert_array_equal(found.scores, saved.scores)
    np.testing.assert_array_equal(found.labels, saved.labels)
    assert found.names == saved.names
    assert [file.name for file in path.parent.iterdir()] == [path.name], "a temporary file is left"


def test_reads_dumps(tmp_path):
    path = tmp_path / "dump.pkl"
    metric = DumpResults(out_file_path=str(path))
    for name, row, label in (("x", [0.2, 0.8], 1), ("y", [0.6, 0.4], 0)):
        sample = ActionDataSample(metainfo=dict(frame_dir=name))
        sample.set_gt_label(label).set_pred_score(torch.tensor(row, dtype=torch.float64))
        metric.process(None, [sample.to_dict()])
    metric.evaluate(2)
    found = load_scores(path)
    assert found.names == ("x", "y") and found.labels.tolist() == [1, 0]
    assert found.scores.tolist() == [[0.2, 0.8], [0.6, 0.4]]


def test_labels_may_be_unknown(tmp_path):
    np.savez(tmp_path / "a.npz", ids=np.array([7, 8]), scores=np.eye(2, dtype=np.float32))
    (tmp_path / "a.csv").write_text("id,first,second\n7,1,0\n8,0,1\n")
    for ending in ("npz", "csv"):
        found = load_scores(tmp_path / f"a.{ending}")
        assert found.names == ("7", "8") and found.labels.tolist() == [-1, -1]
        assert found.scores.tolist() == [[1, 0], [0, 1]]


CSV = {
    "name,0\nx,1\n": "needs the columns 'id'",
    "id,label\nx,1\n": "needs the columns 'id'",
    "id,label,0,1\nx,0,1,2\nx,0,1,2\n": "clip 'x' appears 2 times",
    "id,label,0,1\nx,0,1,2\n,0,1,2\n": r"clip 1 \(from 0\) has no name",
    "id,label,0,1\nx,0,1,two\n": "clip 'x' .* could not convert string to float: 'two'",
    "id,label,0,1\nx,0.5,1,2\n": "clip 'x' has a label that is no whole number",
    "id,label,0,1\nx,0,1,nan\n": "the scores of clip 'x' are not all finite",
    "id,label,0,1\nx,2,1,0\n": "clip 'x' has label 2, but there are 2 classes",
    "id,label,0,1\nx,0,1\n": "line 2 does not have the 4 columns",
    "id,label,0,1\n": "no rows",
}


@pytest.mark.parametrize("text", CSV)
def test_bad_tables(tmp_path, text):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(ValueError, match=rf"bad\.csv: .*{CSV[text]}"):
        load_scores(tmp_path / "bad.csv")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (dict(scores=np.eye(2)), "needs the arrays 'ids', 'scores'"),
        (dict(ids=np.array(["x"]), scores=np.eye(2)), r"'scores' is float64 \[2, 2\], expected"),
        (dict(ids=np.array(["x", "y"]), scores=np.array(["a", "b"])), "expected numbers"),
        (dict(ids=np.array(["x", "x"]), scores=np.eye(2)), "clip 'x' appears 2 times"),
        (
            dict(ids=np.array(["x", "y"]), scores=np.eye(2), labels=np.array([0.5, 1])),
            "integer label",
        ),
        (
            dict(ids=np.array(["x", "y"]), scores=np.eye(2), labels=np.array([0])),
            "label for each clip",
        ),
        (dict(ids=np.array([], str), scores=np.empty((0, 2))), "holds no clip"),
        (dict(ids=np.array(["x"], object), scores=np.eye(1)), "npz file of plain arrays"),
    ],
)
def test_bad_arrays(tmp_path, arrays, message):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=rf"bad\.npz: .*{message}"):
        load_scores(tmp_path / "bad.npz")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        load_scores(tmp_path / "none.csv")
    with pytest.raises(ValueError, match=r"a\.json: scores are read from \.pkl"):
        load_scores(tmp_path / "a.json")
    with pytest.raises(ValueError, match=r"a\.pkl: scores are written as \.npz or \.csv"):
        save_scores(tmp_path / "a.pkl", table())
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(ValueError, match=r"a\.npz: not a complete npz"):
        load_scores(tmp_path / "a.npz")
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([dict(pred_score=np.ones(2), gt_label=0)]))
    with pytest.raises(ValueError, match=r"a\.pkl: clip 0 \(from 0\) has no name"):
        load_scores(tmp_path / "a.pkl")


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(range(5)), unknown=st.sets(st.integers(0, 4)))
def test_systems_are_brought_into_one_order(order, unknown):
    first = table("abcde", [0, 1, 2, 0, 1])
    other = table("abcde", [0, 1, 2, 0, 1], seed=1)
    shuffled = Predictions(
        other.scores[order], other.labels[order].copy(), tuple("abcde"[i] for i in order)
    )
    partly = first.labels.copy()
    partly[list(unknown)] = -1
    found = align_scores(["x", "y"], [first._replace(labels=partly), shuffled])
    assert found.names == tuple("abcde") and found.labels.tolist() == [0, 1, 2, 0, 1]
    np.testing.assert_array_equal(found.scores, [first.scores, other.scores])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (table("abd"), r"y: lacks 1 of the 3 clips of x \('c'\)"),
        (table("abcd", (0, 1, 2, 0)), r"x: lacks 1 of the 4 clips of y \('d'\)"),
        (table("defgh", (0,) * 5), r"y: lacks 3 of the 3 clips of x \('a', 'b', 'c'\)"),
        (table("abc", classes=4), "y: scores 4 classes, x 3"),
        (table("abc", (0, 2, 2)), r"y: clip 'b' has label 2, but 1 in another file \(1 of 3"),
    ],
)
def test_systems_that_do_not_fit_are_named(other, message):
    with pytest.raises(ValueError, match=message):
        align_scores(["x", "y"], [table(), other])


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


def test_names_with_line_breaks_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", ids=np.array(["a", "b\nc"]), scores=np.ones((2, 3)))
    with pytest.raises(ScoreFileError, match=r"the name of clip 1 \(from 0\) has a line break"):
        load_scores(tmp_path / "a.npz")


def test_ids_of_no_clips_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", ids=np.array("a"), scores=np.ones((2, 3)))
    with pytest.raises(ScoreFileError, match="needs one id"):
        load_scores(tmp_path / "a.npz")
