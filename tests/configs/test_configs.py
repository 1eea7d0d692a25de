"""Every config: it loads, builds, and fits the others."""

import re
from pathlib import Path

import pytest
import torch
from mmaction.registry import MODELS, TRANSFORMS
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from masa_mm.skeleton import graph_layout

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted(
    path.relative_to(ROOT / "configs")
    for path in (ROOT / "configs").rglob("*.py")
    if "_base_" not in path.parts
)
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")
each_config = pytest.mark.parametrize("name", CONFIGS, ids=str)


def load(name):
    cfg = Config.fromfile(ROOT / "configs" / name)
    init_default_scope(cfg.default_scope)
    return cfg


@pytest.fixture(scope="module")
def pretrain():
    return load("masa_pretrain_wlasl.py")


@pytest.fixture(scope="module")
def finetune():
    return load("masa_finetune_wlasl300.py")


def plain(value):
    """Without what a written config cannot tell apart: a tuple from a list."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


@each_config
def test_loads_and_survives_being_written(name, tmp_path):
    cfg = load(name)
    cfg.dump(tmp_path / "written.py")
    assert plain(Config.fromfile(tmp_path / "written.py").to_dict()) == plain(cfg.to_dict())


@each_config
def test_its_pipelines_build(name):
    cfg = load(name)
    pipelines = [cfg[loader].dataset.pipeline for loader in LOADERS if cfg.get(loader)]
    assert pipelines
    for pipeline in pipelines:
        assert Compose([TRANSFORMS.build(step) for step in pipeline]).transforms


@each_config
def test_its_model_builds(name):
    """On torch's 'meta' device, where weights cost nothing."""
    with torch.device("meta"):
        model = MODELS.build(load(name).model)
    assert sum(parameter.numel() for parameter in model.parameters()) > 10_000


@each_config
def test_its_interrupted_runs_can_be_resumed(name):
    assert load(name).default_hooks.epoch_seed.type == "EpochSeedHook"


@each_config
def test_its_scores_come_with_their_coverage(name):
    assert load(name).default_hooks.coverage.type == "CoverageHook"


@each_config
def test_val_and_test_data_are_not_those_of_training(name):
    cfg = load(name)
    if cfg.get("val_dataloader") is None:
        return
    train, val, test = (cfg[loader].dataset for loader in LOADERS)
    # Where val is held out of train, both are in one file: the split tells them apart.
    places = [(data.ann_file, data.get("split")) for data in (val, test)]
    assert (train.ann_file, train.get("split")) not in places
    assert val.test_mode and test.test_mode
    assert not cfg.train_dataloader.dataset.get("test_mode", False)


@pytest.mark.parametrize(
    "name",
    [name for name in CONFIGS if "stgcnpp" in name.name or "gcnhead" in name.name],
    ids=str,
)
def test_the_graph_written_out_is_the_packages(name):
    assert plain(load(name).layout) == plain(graph_layout())


@pytest.mark.parametrize("name", [name for name in CONFIGS if "finetune" in name.name], ids=str)
def test_classes_of_head_and_data_agree(name):
    cfg = load(name)
    subset = cfg.train_dataloader.dataset.get("subset")
    if subset is not None:
        assert cfg.model.cls_head.num_classes == subset
        split_file = cfg.train_dataloader.dataset.split_file
        assert (
            f"nslt_{subset}.json" in split_file or "WLASL" not in cfg.train_dataloader.dataset.type
        )


@pytest.mark.parametrize("name", [name for name in CONFIGS if "finetune" in name.name], ids=str)
def test_pretrained_weights_fit_what_is_finetuned(name):
    backbone = dict(load(name).model.backbone)
    init = backbone.pop("init_cfg", None)
    assert init.type == "StrictPretrained" and init.prefix == "backbone."
    pretrained = re.fullmatch(r"work_dirs/(masa_pretrain_\w+)/epoch_400\.pth", init.checkpoint)
    if pretrained is None:  # of another run, or of the authors
        return
    assert init.type == "StrictPretrained" and init.prefix == "backbone."
    assert backbone == load(f"{pretrained[1]}.py").model.backbone


def test_decays_matrices_only(pretrain):
    with torch.device("meta"):
        model = MODELS.build(pretrain.model)
    optimizer = build_optim_wrapper(model, pretrain.optim_wrapper).optimizer
    decay = {
        id(parameter): group["weight_decay"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert {id(parameter) for parameter in trained.values()} == set(decay)
    decayed = {name for name, p in trained.items() if decay[id(p)] > 0}
    assert {decay[id(trained[name])] for name in decayed} == {1e-4}
    # A graph convolution has a bias for each of its subsets.
    left_alone = {name for name, p in trained.items() if p.ndim < 2 or name.endswith("bias")}
    assert any("mask_token" in name for name in left_alone)
    assert any("norm" in name for name in left_alone)
    assert any("in_proj_bias" in name for name in left_alone)
    assert decayed == set(trained) - left_alone


def test_a_probe_is_the_finetuning_with_a_frozen_encoder(finetune):
    probe = load("masa_probe_wlasl300.py")
    assert probe.model.backbone.frozen is True
    assert probe.train_dataloader == finetune.train_dataloader
    assert probe.model.backbone.init_cfg == finetune.model.backbone.init_cfg


def test_the_four_benchmarks_are_pooled():
    loader = load("masa_pretrain_all.py").train_dataloader
    assert (loader.sampler.type, loader.sampler.sampling) == ("PoolSampler", "natural")
    assert loader.dataset.missing == "error"
    datasets = loader.dataset.datasets
    found = {data["type"] for data in datasets}
    assert found == {"WLASLPose", "MSASLPose", "NMFsCSLPose", "SLR500Pose"}
    assert all("train" in data["ann_file"] for data in datasets)


@pytest.mark.parametrize("page", ["README.md", "docs/results.md", "docs/transforms.md"])
def test_every_config_of_a_page_exists(page):
    paths = re.findall(r"configs/[\w/]+\.py", (ROOT / page).read_text())
    assert paths
    for path in paths:
        assert (ROOT / path).is_file(), path
