"""Configs that inherit from mmaction2's."""

import time
from pathlib import Path

import mmaction
import mmengine
import pytest
from mmengine.config import Config

from masa_mm.compat import configs


@pytest.mark.parametrize(
    "base",
    [
        "skeleton/stgcnpp/stgcnpp_8xb16-joint-u100-80e_ntu60-xsub-keypoint-2d.py",
        "_base_/default_runtime.py",
    ],
)
def test_configs_inherit_from_mmaction2(tmp_path, base):
    file = tmp_path / "mixed.py"
    file.write_text(f'_base_ = "mmaction::{base}"\nwork_dir = "elsewhere"\n')
    cfg = Config.fromfile(file)
    assert cfg.work_dir == "elsewhere"
    original = Path(mmaction.__file__).parent / ".mim/configs" / base
    expected = Config.fromfile(original)
    assert cfg.default_hooks.keys() == expected.default_hooks.keys()
    if "model" in expected:
        assert cfg.model.backbone.type == expected.model.backbone.type == "STGCN"


def test_a_config_that_mmaction2_lacks_is_said_so(tmp_path):
    file = tmp_path / "mixed.py"
    file.write_text('_base_ = "mmaction::skeleton/nothing_of_the_kind.py"\n')
    with pytest.raises(FileNotFoundError, match="nothing_of_the_kind"):
        Config.fromfile(file)


def test_packages_are_found_without_pkg_resources():
    folder = str(Path(mmaction.__file__).parent)
    for find in (configs.get_installed_path, mmengine.utils.get_installed_path):
        assert find("mmaction2") == find("mmaction") == folder
    for asks in (configs.is_installed, mmengine.utils.is_installed):
        assert asks("mmaction2") and asks("mmaction")
        assert not asks("surely-no-such-package")
    with pytest.raises(ModuleNotFoundError, match="surely_no_such_package"):
        configs.get_installed_path("surely_no_such_package")


def test_a_config_is_formatted_once_a_content():
    def text_and_seconds(cfg):
        begin = time.perf_counter()
        return cfg.pretty_text, time.perf_counter() - begin

    steps = [dict(type=f"Step{i}", values=list(range(10))) for i in range(60)]
    cfg = Config(dict(pipeline=steps, lr=0.1))
    first, slow = text_and_seconds(cfg)
    again, quick = text_and_seconds(cfg)
    assert again == first and quick < slow / 10
    cfg.lr = 0.2
    assert cfg.pretty_text == first.replace("lr = 0.1", "lr = 0.2")
