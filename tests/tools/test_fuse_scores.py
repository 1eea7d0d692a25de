"""tools/fuse_scores.py: weights come from val alone; what does not fit is one line and no file."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.evaluator import DumpResults

from masa_mm.evaluation import Predictions, load_scores, save_scores

from toys.paths import ROOT

spec = importlib.util.spec_from_file_location("fuse_tool", ROOT / "tools/fuse_scores.py")
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)

CLASSES = 6


def toy(split, system, clips=60):
    """Two systems that err on different classes: the first knows 0..2, the second 3..5."""
    rng = np.random.default_rng([split == "test", system])
    labels = np.arange(clips) % CLASSES
    known = (labels < 3) == (system == 0)
    scores = rng.uniform(0, 0.3, (clips, CLASSES))
    scores[np.arange(clips), labels] += np.where(known, 1.0, 0.02)
    return Predictions(scores, labels, tuple(f"{split}_{i}" for i in range(clips)))


def dump(path, found):
    """As tools/test.py --dump writes it."""
    metric = DumpResults(out_file_path=str(path))
    for row, label, name in zip(found.scores, found.labels.tolist(), found.names, strict=True):
        sample = ActionDataSample(metainfo=dict(frame_dir=name))
        sample.set_gt_label(label).set_pred_score(torch.tensor(row))
        metric.process(None, [sample.to_dict()])
    metric.evaluate(len(found.names))


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Dumps of pose, a table of the RGB system whose clips come in another order."""
    monkeypatch.chdir(tmp_path)
    for split in ("val", "test"):
        dump(tmp_path / f"pose_{split}.pkl", toy(split, 0))
        rgb = toy(split, 1)
        order = np.random.default_rng(1).permutation(len(rgb.names))
        names = tuple(rgb.names[i] for i in order)
        save_scores(f"rgb_{split}.npz", Predictions(rgb.scores[order], rgb.labels[order], names))
    return dict(val=["pose_val.pkl", "rgb_val.npz"], test=["pose_test.pkl", "rgb_test.npz"])


def fuse(files, *options, **changes):
    given = {**files, **changes}
    argv = [word for split in given for word in (f"--{split}", *given[split])]
    return tool.main([*argv, *map(str, options)])


def test_two_systems_that_complete_each_other(files, capsys):
    assert fuse(files, "--out", "fused.csv", "--names", "pose", "rgb") == 0
    out = capsys.readouterr().out
    print(out)
    fused = load_scores("fused.csv")
    weights = [float(w) for w in re.findall(r"^  (?:pose|rgb) +([\d.]+)", out, flags=re.M)]
    assert weights[:2] == weights[2:] and sum(weights[:2]) == pytest.approx(1)
    expected = weights[0] * toy("test", 0).scores + weights[1] * toy("test", 1).scores
    np.testing.assert_allclose(fused.scores, expected)
    assert fused.names == toy("test", 0).names
    right = (expected.argmax(1) == fused.labels).mean()
    alone = [(toy("test", s).scores.argmax(1) == fused.labels).mean() for s in (0, 1)]
    assert right > max(alone) + 0.2
    test = out[out.index("test: 60 clips, 6 classes") :]
    found = [float(x) for x in re.findall(r"top1 P-I ([\d.]+) \[", test)]
    assert found == pytest.approx([*alone, right], abs=1e-4)
    assert test.count("top5 P-C") == 3, "each system and the fusion"


def test_the_test_scores_play_no_part_in_the_weights(files, capsys):
    fuse(files)
    before = re.findall(r"^  \w+ +([\d.]+)", capsys.readouterr().out, flags=re.M)
    spoilt = toy("test", 1)
    save_scores("rgb_test.npz", spoilt._replace(scores=-spoilt.scores))
    fuse(files)
    assert re.findall(r"^  \w+ +([\d.]+)", capsys.readouterr().out, flags=re.M) == before


def test_fixed_weights_need_no_val(files, capsys):
    del files["val"]
    assert fuse(files, "--weights", 2, 1, "--out", "fused.npz") == 0
    expected = 2 * toy("test", 0).scores + toy("test", 1).scores
    np.testing.assert_allclose(load_scores("fused.npz").scores, expected)
    assert "val" not in capsys.readouterr().out


def test_logits_are_fused_as_probabilities(files):
    del files["val"]
    assert fuse(files, "--weights", 1, 1, "--logits", 2, "--out", "fused.npz") == 0
    logits = toy("test", 1).scores
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = toy("test", 0).scores + probability
    np.testing.assert_allclose(load_scores("fused.npz").scores, expected)


def test_unlabelled_test_clips_are_fused_without_accuracy(files, capsys):
    for system, path in enumerate(("pose_test.npz", "rgb_test.npz")):
        found = toy("test", system)
        save_scores(path, found._replace(labels=np.full(60, -1)))
    assert fuse(files, "--out", "fused.npz", test=["pose_test.npz", "rgb_test.npz"]) == 0
    assert "test: 60 clips, 6 classes; some have no label" in capsys.readouterr().out
    assert (load_scores("fused.npz").labels == -1).all()


def refused(capsys, code):
    captured = capsys.readouterr()
    assert code == 2 and captured.err.startswith("error: ") and captured.err.count("\n") == 1
    assert not Path("fused.npz").exists()
    return captured.err


def test_searching_on_test_is_refused(files, capsys):
    assert "searched on val only" in refused(capsys, fuse({"test": files["test"]}))
    error = refused(capsys, fuse(files, "--out", "fused.npz", val=files["test"]))
    assert "60 of its 60 clips are test clips ('test_0' in pose_test.pkl)" in error
    # Also where only some of them are.
    mixed = [toy("val", s) for s in (0, 1)]
    for system, found in enumerate(mixed):
        save_scores(f"mixed_{system}.npz", found._replace(names=(*found.names[:-1], "test_7")))
    error = refused(capsys, fuse(files, val=["mixed_0.npz", "mixed_1.npz"]))
    assert "1 of its 60 clips are test clips ('test_7'" in error


@pytest.mark.parametrize(
    ("options", "changes", "message"),
    [
        (["--weights", 1, 1], {}, "give either --val"),
        ([], dict(test=["pose_test.pkl"]), "at least two systems"),
        ([], dict(val=["pose_val.pkl"]), "--val: got 1 for the 2 systems"),
        (["--names", "a"], {}, "--names: got 1 for the 2 systems"),
        (["--logits", 3], {}, "numbered 1 to 2"),
        (["--out", "fused.pkl"], {}, "must end with .npz or .csv"),
        (["--steps", 0], {}, "got 2 and 0"),
        ([], dict(val=["pose_val.pkl", "none.npz"]), "none.npz: no such file"),
        ([], dict(test=["pose_test.pkl", "rgb_val.npz"]), "lacks 60 of the 60 clips"),
    ],
)
def test_refusals(files, capsys, options, changes, message):
    assert message in refused(capsys, fuse(files, *options, **changes))


def test_val_clips_without_labels_cannot_choose(files, capsys):
    for system, path in enumerate(("a.npz", "b.npz")):
        found = toy("val", system)
        save_scores(path, found._replace(labels=np.where(np.arange(60) < 3, -1, found.labels)))
    error = refused(capsys, fuse(files, val=["a.npz", "b.npz"]))
    assert "clip 'val_0' has no label in any file (3 of 60)" in error


def test_a_hostile_file_executes_nothing(files, capsys):
    Path("pose_test.pkl").write_bytes(b"cos\nmkdir\n(S'executed'\ntR.")
    assert "os.mkdir" in refused(capsys, fuse(files))
    assert not Path("executed").exists()
