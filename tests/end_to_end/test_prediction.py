"""From training to tools/predict.py as a user runs it, and the page about it."""

import json
import os
import re

import pytest

from masa_mm.evaluation.score_files import load_scores
from masa_mm.inference import SignInferencer

from toys import commands
from toys.paths import ROOT

DEMO = f"""
_base_ = {str(ROOT / "configs/masa_finetune_demo.py")!r}
model = dict(backbone=dict(init_cfg=None), cls_head=dict(num_classes=4))
"""
TEST_STORE = "work_dirs/quickstart/data/demo_test.safetensors"


@pytest.fixture
def trained(call, changes, tmp_path):
    """Train for an epoch; return the checkpoint and the scores of tools/test.py by clip."""

    def run(config, *more):
        short = dict(train_cfg__max_epochs=1, default_hooks__checkpoint__interval=1)
        settings = [*changes.encoder(**short, model__cls_head__in_channels=16), *more]
        assert call("train", config, "--work-dir", tmp_path, changes=settings) == 0
        checkpoint, dump = tmp_path / "epoch_1.pth", str(tmp_path / "scores.pkl")
        argv = [config, checkpoint, "--work-dir", tmp_path, "--dump", dump]
        tested = [each for each in settings if "init_cfg" not in each]
        assert call("test", *argv, changes=tested) == 0
        scores, _, names = load_scores(dump)
        return checkpoint, dict(zip(names, scores, strict=True))

    return run


def test_the_command_names_the_classes_of_the_test(trained, process, tmp_path):
    config = tmp_path / "demo.py"
    config.write_text(DEMO)
    checkpoint, scores = trained(str(config))
    out, drawn = tmp_path / "predictions.jsonl", tmp_path / "drawn"
    command = [process.python, ROOT / "tools/predict.py", checkpoint, TEST_STORE, "gone.mp4"]
    shown = process(*command, "--top", 2, "--out", out, "--draw", drawn, code=1)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    gone = lines.pop()
    assert gone == dict(clip="gone.mp4", error="no such file or folder; give the file again")
    assert f"{len(scores)} clips recognised, 1 failed; the true gloss is first for" in shown
    assert len(lines) == len(scores) == len(list(drawn.glob("*.gif")))
    for line in lines:
        expected = scores[line["clip"].rpartition(":")[2]]
        best = line["glosses"][0]
        assert int(best["gloss"][:2]) == expected.argmax()  # demo signs start with their label
        assert best["probability"] == pytest.approx(expected.max(), abs=1e-4)


def test_names_of_a_subset_of_a_benchmark(trained, place):
    """The names are in the order of the labels, those without clips too."""
    checkpoint, scores = trained("masa_finetune_wlasl300.py", "model.backbone.init_cfg=None")
    inferencer = SignInferencer(checkpoint, device="cpu")
    assert len(inferencer.info.classes) == 300
    store = str(place / "data/wlasl/wlasl_test.safetensors")
    for result in inferencer.predict(store, top=300):
        expected = scores[result.name.rpartition(":")[2]]
        label = inferencer.info.classes.index(result.glosses[0].gloss)
        assert expected[label] == pytest.approx(expected.max(), abs=1e-6)
        assert inferencer.info.classes[int(result.source.gloss[:2])] == result.source.gloss


def test_the_page_runs(trained, place, tmp_path, monkeypatch, process):
    config = tmp_path / "demo.py"
    config.write_text(DEMO)
    checkpoint, _ = trained(str(config))
    monkeypatch.chdir(tmp_path)
    os.makedirs("work_dirs/quickstart/finetune")
    os.symlink(place / "work_dirs/quickstart/data", "work_dirs/quickstart/data")
    os.symlink(ROOT / "tools", "tools")
    os.rename(checkpoint, "work_dirs/quickstart/finetune/epoch_30.pth")
    page = (ROOT / "docs/use_a_model.md").read_text(encoding="utf-8")
    command = re.search(r"```bash\npython (tools/predict.py .*)\n```", page)[1]
    shown = commands.run(process.python, *command.split(), cwd=tmp_path)
    assert "8 clips recognised, 0 failed" in shown and os.path.getsize("predictions.jsonl")
    names = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(block, "docs/use_a_model.md", "exec"), names)
    assert names["picture"].is_file()
