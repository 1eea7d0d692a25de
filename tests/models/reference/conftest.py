"""Small checkpoints in the format of the authors' release."""

from __future__ import annotations

import pytest
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

import masa_mm  # noqa: F401  (registers what the config names)

from toys import reference_network as plain
from toys.paths import ROOT


@pytest.fixture
def theirs():
    """Their weights at a small size, names without a prefix."""
    return plain.official_weights(plain.official_shapes(plain.TINY))


@pytest.fixture(scope="session")
def wanted():
    """The state of our network of that size."""
    init_default_scope("mmaction")
    config = Config.fromfile(ROOT / "configs/_base_/models/masa_reference.py").model
    return MODELS.build(plain.tiny_config(config)).state_dict()
