"""mmengine's own functions execute nothing from configs that are data."""

import pytest
import torch
from mmaction.apis.inferencers import ActionRecogInferencer
from mmengine.config import Config
from mmengine.fileio import load

import masa_mm  # noqa: F401
from masa_mm.compat.config_data import DataConfigError

from toys.paths import ROOT

EVIL = "a: !!python/object/apply:os.system ['touch executed']"


@pytest.fixture(autouse=True)
def nothing_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "executed").exists()


def test_yaml_is_refused_by_itself_as_a_base_and_as_any_other_file(tmp_path):
    (tmp_path / "evil.yaml").write_text(EVIL)
    (tmp_path / "heir.py").write_text("_base_ = 'evil.yaml'")
    (tmp_path / "heir.yaml").write_text("_base_: evil.yaml")
    for name in ("evil.yaml", "heir.py", "heir.yaml"):
        with pytest.raises(DataConfigError, match=r"evil.yaml: cannot be read"):
            Config.fromfile(name)
    with pytest.raises(Exception, match="could not determine a constructor"):
        load("evil.yaml")


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_a_dumped_config_of_this_package_is_read_as_before(tmp_path, suffix):
    cfg = Config.fromfile(ROOT / "configs/masa_pretrain_demo.py")
    cfg.dump(tmp_path / f"dumped{suffix}")
    if "!!python/object" in (tmp_path / f"dumped{suffix}").read_text():
        pytest.skip("this mmengine dumps YAML that executes code to be read")
    again = Config.fromfile(tmp_path / f"dumped{suffix}")
    assert again.model.backbone.type == "MASAEncoder"
    assert list(again.optim_wrapper.optimizer.betas) == [0.9, 0.95]


def test_a_data_config_may_inherit_a_packages(tmp_path):
    (tmp_path / "c.yaml").write_text("_base_: mmaction::_base_/default_runtime.py\nwork_dir: w\n")
    cfg = Config.fromfile("c.yaml")
    assert cfg.work_dir == "w" and "default_hooks" in cfg


def test_the_text_of_a_config_is_read_as_literals():
    cfg = Config.fromfile(ROOT / "configs/masa_finetune_demo.py")
    assert Config.fromstring(cfg.pretty_text, ".py").model == cfg.model
    with pytest.raises(DataConfigError):
        Config.fromstring("import os\nos.system('touch executed')", ".py")
    assert Config.fromstring("a: 1", ".yaml").a == 1


def test_an_inferencer_executes_no_config_of_a_checkpoint(tmp_path):
    text = "import os\nos.system('touch executed')\nmodel = dict()"
    torch.save(dict(state_dict={}, meta=dict(cfg=text)), tmp_path / "evil.pth")
    with pytest.raises(DataConfigError, match="config text: cannot be read"):
        ActionRecogInferencer(None, str(tmp_path / "evil.pth"), device="cpu")
