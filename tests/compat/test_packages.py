"""mmaction2's broken packages."""

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import mmaction
import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

from masa_mm import versions
from masa_mm.compat import packages


def test_localizers_import_without_the_missing_module():
    from mmaction.models.localizers import BMN

    assert MODELS.get("BMN") is BMN
    folder = Path(mmaction.__file__).parent / "models/localizers"
    imports_drn = ".drn" in (folder / "__init__.py").read_text()
    if imports_drn and not (folder / "drn/drn.py").exists():
        from mmaction.models.localizers import DRN

        with pytest.raises(NotImplementedError, match="mmaction2#2714"):
            DRN()
        with pytest.raises(NotImplementedError, match="git"):
            MODELS.build(dict(type="DRN"))


def test_importlib_metadata_is_the_standard_librarys_where_missing(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "importlib_metadata", raising=False)
    assert packages.importlib_metadata() is True
    from importlib_metadata import PackageNotFoundError, distribution

    assert distribution is importlib.metadata.distribution
    assert PackageNotFoundError is importlib.metadata.PackageNotFoundError


# ---- data samples of mmaction2 1.1 and 1.2 ----------------------------------------------------


def test_labels_and_scores_have_the_names_of_1_2():
    sample = ActionDataSample().set_gt_label(3)
    sample.set_pred_score(torch.tensor([0.25, 0.75])).set_pred_label(1)
    assert sample.gt_label.tolist() == [3]
    assert sample.pred_score.tolist() == [0.25, 0.75]
    content = sample.to_dict()
    assert content["gt_label"].tolist() == [3]
    assert content["pred_label"].tolist() == [1]
    assert content["pred_score"].tolist() == [0.25, 0.75]


def test_the_names_of_1_1_are_kept_for_its_metrics():
    sample = ActionDataSample().set_gt_label(3)
    if versions.release(versions.installed("mmaction2")) < (1, 2):
        assert sample.gt_labels.item.tolist() == [3]
        assert sample.to_dict()["gt_labels"]["item"].tolist() == [3]
    else:
        assert "gt_labels" not in sample.to_dict()


# ---- yapf's cache ------------------------------------------------------------------------------


def start_with_cache(folder, *lines):
    """A Python process whose caches lie in a folder."""
    root = Path(packages.__file__).parents[2]
    env = {**os.environ, "XDG_CACHE_HOME": str(folder), "PYTHONPATH": str(root)}
    return subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def yapf_cache(tmp_path):
    assert start_with_cache(tmp_path, "import yapf").wait() == 0
    found = list(tmp_path.rglob("Grammar-*.pickle"))
    if not found:
        pytest.skip("yapf keeps its cache elsewhere on this system")
    return found[0]


def test_a_cache_that_another_process_is_writing_is_waited_for(yapf_cache, tmp_path):
    whole = yapf_cache.read_bytes()
    yapf_cache.write_bytes(whole[: len(whole) // 2])
    process = start_with_cache(
        tmp_path,
        "import time",
        "sleep = time.sleep",
        "time.sleep = lambda seconds: (print('waits', flush=True), sleep(seconds))",
        "import masa_mm, yapf",
        "print(masa_mm.compat.packages.yapf_cache_race())",
    )
    assert process.stdout.readline() == "waits\n"
    yapf_cache.write_bytes(whole)
    out, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    assert out.splitlines()[-1] == "False"


def test_a_cache_that_stays_torn_is_named(yapf_cache, tmp_path):
    yapf_cache.write_bytes(b"")
    process = start_with_cache(tmp_path, "import masa_mm")
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 1
    assert "ImportError: yapf, which mmengine imports, cannot read its cache" in errors
