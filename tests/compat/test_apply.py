"""The package masa_mm.compat: its list of repairs and how they are applied."""

import re
import subprocess
import sys

import pytest
from mmengine.dist import utils as dist_utils
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import AmpOptimWrapper
from mmengine.runner import CheckpointLoader, Runner

from masa_mm import compat, versions

from toys.paths import ROOT


def test_import_is_silent():
    """Neither masa_mm nor the MM stack prints warnings at import."""
    code = "import masa_mm, mmaction.models, mmaction.datasets"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = (run.stdout + run.stderr).splitlines()
    # torch 2.4 warns of an import in mmengine and quotes its line.
    noise = [i for i, line in enumerate(lines) if "functional optimizers is deprecated" in line]
    assert [line for i, line in enumerate(lines) if not {i, i - 1} & set(noise)] == []


def test_apply_is_idempotent():
    compat.apply()

    def patched():
        return (
            CheckpointLoader.load_checkpoint.__func__,
            Runner.load_checkpoint,
            dist_utils._init_dist_pytorch,
            MMDistributedDataParallel.__init__,
            AmpOptimWrapper.__init__,
        )

    before = patched()
    compat.apply()
    assert patched() == before


def test_apply_refuses_mmcv_2_2_with_the_command_that_fixes_it(monkeypatch):
    monkeypatch.setattr(versions, "installed_mmcv", lambda: {"mmcv": "2.2.0"})
    with pytest.raises(ImportError, match=r"#2852.*pip uninstall -y mmcv && pip install"):
        compat.apply()


def test_every_repair_names_its_upstream_report():
    for repair in compat.REPAIRS:
        assert re.search(
            r"Upstream: (https://github.com/[\w-]+/\w+/(issues|pull)/\d+|no report found\.)\n",
            repair.__doc__,
        ), repair.__name__
