"""Seeded inputs of the size of a training step's, for the benchmarks of the parts.

``--network tiny`` takes the small network, for a quick look.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

import masa_mm  # noqa: F401  (registers what configs name)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from collation import collate_function
from synthetic_clips import clip_lengths, write_clips

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
PRETRAIN = dict(base="masa_pretrain_wlasl.py", tiny="wlasl_hands/masa_pretrain_tiny.py")
FINETUNE = dict(base="masa_finetune_wlasl300.py", tiny="wlasl_hands/masa_scratch_tiny_300.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Choices of what to measure."""
    parser.addoption("--network", choices=PRETRAIN, default="base")
    parser.addoption("--clips", type=int, default=16, help="of a batch")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each step of the pipeline."""
    if "place" in metafunc.fixturenames:
        pipeline = read_config(metafunc.config).train_dataloader.dataset.pipeline
        names = [step["type"] for step in pipeline]
        metafunc.parametrize("place", range(len(names)), ids=names)


def read_config(options: pytest.Config) -> Config:
    """The pretraining of the network that was chosen."""
    return Config.fromfile(CONFIGS / PRETRAIN[options.getoption("--network")])


@pytest.fixture(scope="session", autouse=True)
def seeded() -> None:
    """The same weights and draws each time."""
    init_default_scope("mmaction")
    torch.manual_seed(0)
    np.random.seed(0)


@pytest.fixture(scope="session")
def config(request: pytest.FixtureRequest) -> Config:
    """Of a pretraining."""
    return read_config(request.config)


@pytest.fixture(scope="session")
def dataset(config: Config, request: pytest.FixtureRequest, tmp_path_factory) -> object:
    """Clips of real lengths, through the pretraining's pipeline."""
    clips = request.config.getoption("--clips")
    path = tmp_path_factory.mktemp("store") / "clips.safetensors"
    write_clips(path, clip_lengths(clips, batch_size=clips))
    pipeline = config.train_dataloader.dataset.pipeline
    return DATASETS.build(dict(type="SignPoseDataset", ann_file=str(path), pipeline=pipeline))


@pytest.fixture(scope="session")
def batch(config: Config, dataset: object) -> dict:
    """All of them, collated."""
    collate = collate_function(config.train_dataloader)
    return collate([dataset[number] for number in range(len(dataset))])


@pytest.fixture(scope="session")
def masa(config: Config) -> torch.nn.Module:
    """The pretraining's network."""
    model = MODELS.build(config.model).train()
    model.update_key_encoder()
    return model


@pytest.fixture(scope="session")
def recognizer(request: pytest.FixtureRequest) -> torch.nn.Module:
    """The finetuning's network, with random weights."""
    settings = Config.fromfile(CONFIGS / FINETUNE[request.config.getoption("--network")]).model
    settings.backbone.pop("init_cfg", None)
    return MODELS.build(settings).eval()
