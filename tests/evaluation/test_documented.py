"""The code of docs/evaluation.md runs."""

import json
import pickle
import re
from pathlib import Path

import numpy as np
import torch
from mmaction.registry import METRICS

from masa_mm.preparation.demo import DemoConfig, write_demo_stores

from toys.paths import ROOT

PAGE = ROOT / "docs/evaluation.md"


def test_the_code_of_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_demo_stores(".", DemoConfig(num_classes=6, signers=(1, 1, 1), repetitions=(1, 1, 1)))
    Path("demo_test.safetensors").rename("test.safetensors")
    rng = np.random.default_rng(0)
    clips = [
        dict(pred_score=torch.tensor(rng.random(6)), gt_label=torch.tensor([i]), frame_dir=str(i))
        for i in range(6)
    ]
    Path("scores.pkl").write_bytes(pickle.dumps(clips))
    Path("data/nmfs_csl").mkdir(parents=True)
    Path("data/nmfs_csl/confusing.txt").write_text("0\n1\n")
    for run in ("a", "b"):
        folder = Path("work_dirs", run, "20260101_000000/vis_data")
        folder.mkdir(parents=True)
        lines = [
            *({"loss": 2 / step, "step": step} for step in range(1, 9)),
            {"sign/top1_pi": 0.5, "step": 1},
        ]
        (folder / "scalars.json").write_text("\n".join(map(json.dumps, lines)))
    names = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(code, names)
    assert set(names["found"].names) == set("012345")
    METRICS.build(names["test_evaluator"])
    assert {path.name for path in Path(".").glob("*.png")} == {"confusion.png", "curves.png"}
