"""The README's Python example and the figure that it shows."""

import os
import re
import runpy
import xml.etree.ElementTree

from toys.paths import ROOT

CONFIG = f"""
_base_ = {str(ROOT / "configs/masa_finetune_demo.py")!r}
model = dict(backbone=dict(init_cfg=None), cls_head=dict(num_classes=4))
"""


def test_the_python_example_names_a_sign_for_each_clip(call, place, changes, capsys):
    (place / "configs").mkdir()
    config = place / "configs/masa_finetune_demo.py"
    config.write_text(CONFIG)
    one_epoch = changes.options(train_cfg__max_epochs=1, default_hooks__checkpoint__interval=1)
    work_dir = place / "work_dirs/quickstart/finetune"
    assert call("train", str(config), "--work-dir", work_dir, changes=one_epoch) == 0
    os.rename(work_dir / "epoch_1.pth", work_dir / "epoch_30.pth")
    capsys.readouterr()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(import torch\n.*?)```", readme, re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if re.match(r"signer\d+_sign\d+_\d+ \d\d-", line)]) == 5


def labels(path):
    elements = xml.etree.ElementTree.parse(path).iter()
    return {element.text for element in elements if element.tag.endswith("text")}


def test_the_architecture_is_drawn_by_its_script(tmp_path):
    main = runpy.run_path(str(ROOT / "tools/docs/draw_architecture.py"))["main"]
    assert main([str(tmp_path / "drawn.svg")]) == 0
    drawn, shown = map(labels, (tmp_path / "drawn.svg", ROOT / "docs/figures/architecture.svg"))
    assert {"Encoder", "Motion decoder", "Memory bank"} <= drawn == shown
