"""What a user of the wheel has, in an environment that knows no checkout."""

import functools
import shutil
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from toys import commands
from toys.paths import ROOT

USER_CONFIG = """
_base_ = "masa_mm::masa_finetune_wlasl300.py"

custom_imports = dict(imports=["masa_mm"], allow_failed_imports=False)
model = dict(
    backbone=dict(
        embed_dims=16,
        channels=(8, 8),
        sub_part_channels=(16,),
        depth=1,
        num_heads=2,
        feedforward_channels=16,
        init_cfg=None,
    ),
    cls_head=dict(in_channels=16),
)
in_this_process = dict(num_workers=0, persistent_workers=False, pin_memory=False)
train_dataloader = dict(batch_size=32, **in_this_process)
val_dataloader = in_this_process
test_dataloader = in_this_process
train_cfg = dict(max_epochs=1)
"""


# Whatever the wheel lacks must not come from the checkout.
run = functools.partial(commands.run, PYTHONPATH="")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy: a build writes into its source folder."""
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns(
        ".*", "__pycache__", "*.egg-info", "build", "data", "work_dirs"
    )
    shutil.copytree(ROOT, folder / "source", ignore=ignored)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    run(sys.executable, "-m", "pip", "wheel", *options, folder / "source", cwd=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """The python of an environment that has the wheel, and all else from the tests' own."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin" / "python"
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(run(python, "-c", query, cwd=folder).strip())
    # A folder named in a .pth file comes behind the environment's own packages, and its own .pth
    # files, such as that of an editable masa_mm, are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    target = ["--target", site, "--no-deps", "--quiet"]
    run(sys.executable, "-m", "pip", "install", *target, wheel, cwd=folder)
    return python


def test_the_wheel_carries_what_mim_looks_for(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    configs = {f"masa_mm/.mim/{p.relative_to(ROOT)}" for p in ROOT.glob("configs/**/*.py")}
    tools = {f"masa_mm/.mim/tools/{name}" for name in ("train.py", "test.py", "dist_train.sh")}
    assert names >= configs | tools | {"masa_mm/.mim/model-index.yml", "masa_mm/py.typed"}
    assert not [name for name in names if name.startswith(("tests/", "toys/", "configs/"))]


def test_a_config_inherits_from_the_wheel_by_name_and_trains(environment, place, tmp_path):
    where = run(environment, "-c", "import masa_mm; print(masa_mm.__file__)", cwd=tmp_path).strip()
    package = Path(where.splitlines()[-1]).parent
    assert environment.parent.parent in package.parents
    config = place / "my_signs.py"
    config.write_text(USER_CONFIG)
    work_dir = tmp_path / "work_dir"
    train = package / ".mim/tools/train.py"
    output = run(environment, train, config, "--work-dir", work_dir, cwd=place)
    assert "loss_cls" in output or (work_dir / "last_checkpoint").exists(), output[-3000:]
    assert "num_classes=300" in (work_dir / "my_signs.py").read_text()
    assert (work_dir / "epoch_1.pth").exists()
