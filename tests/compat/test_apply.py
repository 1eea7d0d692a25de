"""Applying the workarounds."""

import subprocess
import sys

import pytest
from mmengine.dist import utils as dist_utils
from mmengine.fileio import LocalBackend
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import AmpOptimWrapper
from mmengine.runner import CheckpointLoader, Runner

from masa_mm import compat, versions

from toys.paths import ROOT


def test_import_is_silent():
    """Neither our own nor the MM stack's modules greet the user with warnings."""
    code = "import masa_mm, mmaction.models, mmaction.datasets"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout + run.stderr == ""


def test_apply_is_idempotent():
    compat.apply()
    patched = (
        CheckpointLoader.load_checkpoint.__func__,
        Runner.load_checkpoint,
        LocalBackend.put,
        dist_utils._init_dist_pytorch,
        MMDistributedDataParallel.__init__,
        AmpOptimWrapper.__init__,
    )
    compat.apply()
    assert patched == (
        CheckpointLoader.load_checkpoint.__func__,
        Runner.load_checkpoint,
        LocalBackend.put,
        dist_utils._init_dist_pytorch,
        MMDistributedDataParallel.__init__,
        AmpOptimWrapper.__init__,
    )


def test_apply_refuses_mmcv_2_2_with_the_command_that_mends_it(monkeypatch):
    monkeypatch.setattr(versions, "installed_mmcv", lambda: {"mmcv": "2.2.0"})
    with pytest.raises(ImportError, match=r"#2852.*pip uninstall -y mmcv && pip install"):
        compat.apply()


def test_every_workaround_names_where_it_is_reported():
    for item in compat.WORKAROUNDS:
        assert item.issue.startswith(("open-mmlab/", "pypa/", "google/")), item.name
