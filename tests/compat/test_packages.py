"""mmaction2's broken packages."""

import importlib.metadata
import importlib.util
import sys
from pathlib import Path

import mmaction
import pytest
from mmaction.registry import MODELS

from masa_mm.compat import packages


def test_localizers_import_without_the_missing_module():
    from mmaction.models.localizers import BMN

    assert MODELS.get("BMN") is BMN
    folder = Path(mmaction.__file__).parent / "models/localizers"
    wanted = ".drn" in (folder / "__init__.py").read_text()
    if wanted and not (folder / "drn/drn.py").exists():
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
