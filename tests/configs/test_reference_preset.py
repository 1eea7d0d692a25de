"""The reference preset is scheduled as the authors' release runs; its data and model: elsewhere."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def reference():
    cfg = Config.fromfile(ROOT / "configs/masa_pretrain_reference_wlasl.py")
    init_default_scope(cfg.default_scope)
    return cfg


def test_warms_up_from_0_and_halves_four_times(reference):
    """Its drops really fall 20 epochs after those it names: at 120, 220, 320 and 370."""
    optimizer = build_optim_wrapper(torch.nn.Linear(2, 2), reference.optim_wrapper).optimizer
    schedulers = [
        PARAM_SCHEDULERS.build(dict(config, optimizer=optimizer))
        for config in reference.param_scheduler
    ]
    found = []
    for _ in range(reference.train_cfg.max_epochs):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    epoch = np.arange(400)
    drops = sum((epoch >= drop).astype(int) for drop in (120, 220, 320, 370))
    expected = 1e-4 * np.minimum(epoch / 20, 1) * 0.5**drops
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_everything_decays(reference):
    """Weights, biases, norms and single tokens alike, by 0.03."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    model.mask_token = torch.nn.Parameter(torch.zeros(4))
    optimizer = build_optim_wrapper(model, reference.optim_wrapper).optimizer
    assert type(optimizer) is torch.optim.AdamW
    decay = {
        id(parameter): group["weight_decay"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert len(decay) == 5 and set(decay.values()) == {0.03}


def test_momentum_and_bank(reference):
    assert reference.model.momentum == 0.999
    assert reference.model.alignment.bank_length == 6912


def test_trains_on_the_joints_in_pixels_of_train_and_val(reference):
    """Its boxes have a margin in pixels, so they are made in the pipeline."""
    files = reference.train_dataloader.dataset.ann_file
    assert all(file.endswith(".pkl") for file in files)
    assert [file.rsplit("_", 1)[1] for file in files] == ["train.pkl", "val.pkl"]
    kinds = [step["type"] for step in reference.train_dataloader.dataset.pipeline]
    assert kinds[:3] == ["SelectSignJoints", "CropSignParts", "KeepHandFrames"]
