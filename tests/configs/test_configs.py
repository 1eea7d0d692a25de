"""Every config: it loads, builds, and fits the others."""

import ast
import copy
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS, TRANSFORMS
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope

from masa_mm.pose.skeleton import graph_layout
from masa_mm.preparation.demo import DemoConfig, demo_annotations

from toys.paths import ROOT

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


def masks(step):
    return step["type"].endswith("MotionAwareMasking")


@pytest.fixture(scope="module")
def demo_clips():
    """Demo signs in pixels, as a reader of pickles gives them."""
    config = DemoConfig(num_classes=4, signers=(2, 1, 1), repetitions=(2, 1, 1))
    return [dict(clip, clip_id=i) for i, clip in enumerate(demo_annotations("train", config))]


@each_config
def test_its_pipeline_masks_a_sensible_share(name, demo_clips):
    cfg = load(name)
    steps = cfg.train_dataloader.dataset.get("pipeline", cfg.get("train_pipeline"))
    if not any(map(masks, steps)):
        return
    end = [masks(step) for step in steps].index(True) + 1
    first = steps[0]["type"]
    before = [] if first == "SelectSignJoints" else [dict(type="CropSignParts")]
    pipeline = Compose([TRANSFORMS.build(step) for step in [*before, *steps[:end]]])
    np.random.seed(0)
    found = [pipeline(copy.deepcopy(clip)) for clip in demo_clips]
    shares = [clip["frame_mask"][:, clip["frame_inds"] >= 0].mean() for clip in found]
    # Resting frames are never masked, and few clips move all the time.
    assert 0.2 < np.mean(shares) / steps[end - 1]["mask_ratio"] <= 1


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
    optim_wrapper = copy.deepcopy(pretrain.optim_wrapper)
    optim_wrapper.optimizer.pop("fused", None)  # torch 2.4 has no fused step on 'meta'.
    optimizer = build_optim_wrapper(model, optim_wrapper).optimizer
    decay = {
        id(parameter): group["weight_decay"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    # mmengine 0.10.0 hands over frozen parameters too.
    assert {id(parameter) for parameter in trained.values()} <= set(decay)
    decayed = {name for name, p in trained.items() if decay[id(p)] > 0}
    assert {decay[id(trained[name])] for name in decayed} == {1e-4}
    # A graph convolution has a bias for each of its subsets.
    left_alone = {name for name, p in trained.items() if p.ndim < 2 or name.endswith("bias")}
    assert any("mask_token" in name for name in left_alone)
    assert any("norm" in name for name in left_alone)
    assert any("in_proj_bias" in name for name in left_alone)
    assert decayed == set(trained) - left_alone


@pytest.mark.parametrize("of", ["wlasl300", "reference_wlasl100"])
def test_a_probe_is_the_finetuning_with_a_frozen_encoder(of):
    probe, finetune = load(f"masa_probe_{of}.py"), load(f"masa_finetune_{of}.py")
    assert probe.model.backbone.pop("frozen") is True
    assert probe.model == finetune.model
    assert probe.train_dataloader == finetune.train_dataloader


@pytest.mark.parametrize("config", ["masa_pretrain_reference_wlasl.py", "masa_pretrain_wlasl.py"])
def test_a_shorter_pretraining_keeps_its_schedule(config):
    """One that goes on from other weights, for example."""
    cfg = load(config)
    cfg.train_cfg.max_epochs = 5
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1e-4)
    common = dict(optimizer=optimizer, epoch_length=2)
    for schedule in cfg.param_scheduler:
        schedule = dict(schedule)
        # As the runner: without an end of its own it ends with the run.
        schedule.setdefault("end", cfg.train_cfg.max_epochs)
        kind = PARAM_SCHEDULERS.get(schedule.pop("type"))
        if schedule.pop("convert_to_iter_based", False):
            kind.build_iter_from_epoch(**schedule, **common)
        else:
            kind(optimizer, **schedule)


def test_the_gpus_pretraining_is_the_same_recipe(pretrain):
    """Other numbers in products, other hooks and other workers; all else is the same."""
    gpu = load("masa_pretrain_wlasl_gpu.py")
    assert gpu.model == pretrain.model
    for name in ("param_scheduler", "train_cfg", "auto_scale_lr", "randomness"):
        assert gpu[name] == pretrain[name], name
    wrapper = dict(gpu.optim_wrapper)
    assert wrapper.pop("type") == "AmpOptimWrapper" and wrapper.pop("dtype") == "bfloat16"
    assert wrapper.pop("loss_scale") == dict(enabled=False)
    assert wrapper == {k: v for k, v in pretrain.optim_wrapper.items() if k != "type"}
    assert gpu.optim_wrapper.optimizer.fused is True
    loader, plain = dict(gpu.train_dataloader), dict(pretrain.train_dataloader)
    assert loader.pop("num_workers") > plain.pop("num_workers")
    assert loader.pop("collate_fn") == plain.pop("collate_fn") | dict(plan_frames=True)
    assert loader == plain and loader["pin_memory"]
    assert gpu.custom_hooks[0] == pretrain.custom_hooks[0]
    assert [hook.type for hook in gpu.custom_hooks[1:]] == ["DeferredCheckHook"]
    hooks = dict(gpu.default_hooks)
    assert hooks.pop("compile").type == "CompileHook"
    assert hooks.pop("runtime_info").type == "BufferedInfoHook"
    assert hooks == {k: v for k, v in pretrain.default_hooks.items() if k != "runtime_info"}


def test_the_four_benchmarks_are_pooled():
    loader = load("masa_pretrain_all.py").train_dataloader
    assert (loader.sampler.type, loader.sampler.sampling) == ("PoolSampler", "natural")
    assert loader.dataset.missing == "error"
    datasets = loader.dataset.datasets
    found = {data["type"] for data in datasets}
    assert found == {"WLASLPose", "MSASLPose", "NMFsCSLPose", "SLR500Pose"}
    assert all("train" in data["ann_file"] for data in datasets)


def test_any_finetuning_becomes_the_papers_by_the_documented_options():
    """docs/method.md names two values; all else of the encoders and heads is the same."""
    text = (ROOT / "docs/method.md").read_text()
    given = dict(re.findall(r"model\.backbone\.([\w.]+)=(\S+)", text.split("--cfg-options")[1]))
    checkpoint = given.pop("init_cfg.checkpoint")
    assert (ROOT / f"configs/{Path(checkpoint).parent.name}.py").is_file()
    ours = load("masa_finetune_msasl1000.py").model
    ours.backbone.update({name: ast.literal_eval(value) for name, value in given.items()})
    paper = load("masa_finetune_paper_wlasl100.py").model
    assert set(given) == {"use_score", "position_gain"}
    names = (ours.backbone.keys() | paper.backbone.keys()) - {"init_cfg"}
    for name in names:
        assert value_of(ours.backbone, name) == value_of(paper.backbone, name), name
    with torch.device("meta"):
        pooling = [type(MODELS.build(model.cls_head).pooling) for model in (ours, paper)]
    assert pooling[0] is pooling[1]


def value_of(config, name):
    """The value in a component's config, or the component's default."""
    default = inspect.signature(MODELS.get(config.type).__init__).parameters.get(name)
    return config.get(name, default and default.default)


PAGES = ["README.md", *(f"docs/{page}.md" for page in ("method", "results", "transforms"))]


@pytest.mark.parametrize("page", PAGES)
def test_every_config_of_a_page_exists(page):
    """Of ``configs/a_{b,c}.py`` both."""
    paths = re.findall(r"(configs/(?!my_)[\w/]+)(?:\{([\w,]+)\})?(\.py)", (ROOT / page).read_text())
    assert paths
    for start, choices, end in paths:
        for choice in choices.split(","):
            assert (ROOT / (start + choice + end)).is_file(), start + choice + end
