"""Draws of examples, similarities and the measured search of the dictionary study."""

import json

import numpy as np
import pytest

from toys.benchmark_toys import load_script
from toys.dictionary_toys import toy_clip

study = load_script("dictionary")


@pytest.fixture
def data(tmp_path):
    """An official list of 4 classes: class c has c training clips and one validation clip."""
    entries = {f"t{c}{i}": ("train", c) for c in range(4) for i in range(c)}
    entries |= {f"v{c}": ("val", c) for c in range(4)} | {"x": ("test", 1)}
    content = {name: dict(subset=s, action=[c, 1, 9]) for name, (s, c) in entries.items()}
    (tmp_path / "nslt_4.json").write_text(json.dumps(content))
    return tmp_path


def clips(*ids):
    return study.Clips(list(ids), [toy_clip(0, name=name) for name in ids])


@pytest.mark.parametrize("per_gloss", [1, 2, 5])
def test_examples_are_training_clips_of_each_gloss(data, per_gloss):
    train = clips("t10", "t20", "other", "t21", "t30", "t31", "t32", "x")
    val = clips("v0", "v1", "v2", "v3", "t30")
    found = list(study.draws(data, 4, per_gloss, val, train))
    assert len(found) == len(study.SEEDS)
    for draw in found:
        # Class 0 has no example, so its query is left out.
        assert [val.ids[i] for i in draw.queries] == ["v1", "v2", "v3"]
        assert draw.query_class.tolist() == [1, 2, 3]
        counts = np.bincount(draw.example_class, minlength=4).tolist()
        assert counts == [0, *(min(c, per_gloss) for c in (1, 2, 3))]
        names = [train.ids[i] for i in draw.examples]
        assert [name[:2] for name in names] == [f"t{c}" for c in draw.example_class]
        assert len(set(names)) == len(names)


def test_a_query_that_equals_its_example_is_found():
    vectors = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    labels = np.arange(6)
    draw = study.Draw(labels, labels, labels, labels)
    for whiten in (False, True):
        metrics = study.score(study.by_embedding(vectors, vectors, whiten), [draw, draw])
        assert metrics["recall@1"].value == 1


def test_results_are_kept(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return dict(a=np.arange(3))

    for _ in range(2):
        np.testing.assert_array_equal(study.cached(tmp_path / "a.npz", compute)["a"], [0, 1, 2])
    assert len(calls) == 1


def test_the_search_is_measured(capsys):
    study.print_speed(num_vectors=400, dim=8, num_queries=3)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("numpy, exact: build 0.0 s") and lines[0].endswith("recall@10 1.00")
    assert len(lines) in (2, 4)
