"""User errors print one line and exit with code 2."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from toys.paths import ROOT

DATASET = "train_dataloader__dataset__"


@pytest.fixture
def broken(place):
    """Write files with one fault each to the folder ``place``."""
    source = place / "work_dirs/quickstart/data/demo_train.safetensors"
    with safe_open(source, framework="np") as file:
        metadata = file.metadata()
    tensors = load_file(source)
    tensors["keypoint"][:, 3] = np.nan
    save_file(tensors, place / "nan.safetensors", metadata)
    (place / "cut.safetensors").write_bytes(source.read_bytes()[:100_000])
    (place / "list.json").write_text(json.dumps({"a": 1}))
    (place / "poses.pkl").write_bytes(b"cos\nsystem\n(S'touch executed'\ntR.")
    torch.save(dict(state_dict={"backbone.x": torch.zeros(2)}), place / "other.pth")


@pytest.mark.parametrize(
    ("config", "change", "message"),
    [
        ("demo", {f"{DATASET}ann_file": "gone.safetensors"}, "gone.safetensors: no such pose"),
        ("demo", {f"{DATASET}ann_file": "cut.safetensors"}, "cut.safetensors: not a complete"),
        ("demo", {f"{DATASET}ann_file": "poses.pkl"}, "poses.pkl"),
        ("demo", {f"{DATASET}ann_file": "nan.safetensors"}, "nan.safetensors: clip 'signer"),
        ("demo", {f"{DATASET}num_classes": 2}, "label 2, outside the class list of 2"),
        ("demo", {"model__cls_head__num_classes": 3}, "but the head has num_classes=3"),
        ("demo", {"model__cls_head__pooling": "max"}, "pooling must be one of"),
        ("wlasl100", {f"{DATASET}subset": 150}, "WLASLPose has no subset 150; it has 100, 300"),
        ("wlasl100", {f"{DATASET}split": "dev"}, "WLASLPose has no split 'dev'"),
        ("wlasl100", {f"{DATASET}split_file": "list.json"}, "list.json: neither nslt_"),
        ("wlasl100", {"model__backbone__init_cfg__checkpoint": "no.pth"}, "no.pth: no such"),
        ("wlasl100", {"model__backbone__init_cfg__checkpoint": "other.pth"}, "other.pth does not"),
    ],
)
def test_one_line_and_exit_code_2(call, changes, broken, tmp_path, capfd, config, change, message):
    if config == "demo":
        own = {f"{DATASET}label_ratio": 1.0, "model__backbone__init_cfg": None}
        small = changes.options(**own, **change)
    else:
        small = changes.encoder(model__cls_head__in_channels=16, **change)
    argv = [f"masa_finetune_{config}.py", "--work-dir", tmp_path]
    assert call("train", *argv, changes=small) == 2
    lines = capfd.readouterr().err.splitlines()
    (line,) = [line for line in lines if line.startswith("error: ")]
    assert message in line
    assert lines[-1] == line
    assert not list(tmp_path.rglob("*.pth"))


def test_an_error_in_a_worker_process_is_one_line(call, changes, broken, tmp_path, capfd):
    small = changes.options(
        **{f"{DATASET}ann_file": "nan.safetensors", f"{DATASET}label_ratio": 1.0},
        model__backbone__init_cfg=None,
        train_dataloader__num_workers=1,
    )
    argv = ["masa_finetune_demo.py", "--work-dir", tmp_path]
    assert call("train", *argv, changes=small) == 2
    (line,) = [n for n in capfd.readouterr().err.splitlines() if n.startswith("error: ")]
    assert line.startswith("error: nan.safetensors: clip 'signer")
    assert "NaN or infinite" in line


def test_the_error_is_the_last_line_of_the_process(process, tmp_path):
    out = process(
        *(process.python, ROOT / "tools/train.py", ROOT / "configs/masa_pretrain_demo.py"),
        *("--work-dir", tmp_path, "--cfg-options"),
        "train_dataloader.dataset.ann_file=gone.safetensors",
        code=2,
    )
    assert out.splitlines()[-1].startswith("error: gone.safetensors: no such pose store; make it")
    assert "Traceback" not in out
