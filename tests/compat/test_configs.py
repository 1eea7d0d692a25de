"""Configs that inherit from those of mmaction2."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import mmaction
import mmengine
import pytest
from mmengine.config import Config, utils

from masa_mm import versions
from masa_mm.compat import configs
from masa_mm.errors import UserError

from toys.paths import ROOT


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


def test_a_config_that_mmaction2_lacks_is_an_error(tmp_path):
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


OWN_CONFIG = """
_base_ = "mmaction::skeleton/stgcnpp/stgcnpp_8xb16-joint-u100-80e_ntu60-xsub-keypoint-2d.py"
custom_imports = dict(imports=["masa_mm"], allow_failed_imports=False)
"""


def load_in_new_process(folder, *lines):
    (folder / "own.py").write_text(OWN_CONFIG)
    code = [
        *lines,
        "from mmengine.config import Config",
        "print(Config.fromfile('own.py').model.type)",
    ]
    return subprocess.run(
        [sys.executable, "-c", "\n".join(code)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_masa_mm_must_be_imported_before_a_config_of_another_package(tmp_path):
    """The Config resolves ``_base_`` before ``custom_imports``; docs/get_started.md says so."""
    done = load_in_new_process(tmp_path, "import masa_mm")
    assert done.stdout == "RecognizerGCN\n", done.stderr
    if importlib.util.find_spec("pkg_resources") is None:
        assert "No module named 'pkg_resources'" in load_in_new_process(tmp_path).stderr


def test_metafiles_of_mmaction2_1_1_are_split(monkeypatch):
    meta = dict(Models=[dict(Name="a", Config=["x.py", "y.py"]), dict(Name="b", Config="z.py")])
    monkeypatch.setattr(versions, "installed", lambda name: "1.1.0")
    monkeypatch.setattr(utils, "load", lambda file: meta)
    assert configs.listed_configs_in_metafiles()
    assert [model["Config"] for model in utils.load("metafile.yml")["Models"]] == [
        *("x.py", "y.py", "z.py")
    ]


def test_configs_that_inherit_themselves_are_named(tmp_path):
    (tmp_path / "a.py").write_text('_base_ = "b.py"')
    (tmp_path / "b.py").write_text('_base_ = "./a.py"')
    (tmp_path / "c.yaml").write_text("_base_: c.yaml")
    with pytest.raises(UserError, match=r"a.py: inherits itself \(.*a.py -> .*b.py -> .*a.py\)"):
        Config.fromfile(tmp_path / "a.py")
    with pytest.raises(UserError, match=r"c.yaml: inherits itself"):
        Config.fromfile(tmp_path / "c.yaml")
    (tmp_path / "b.py").write_text("x = 1")
    assert Config.fromfile(tmp_path / "a.py").x == 1
