"""Fixtures that run the shipped configs with small networks on demo stores."""

from __future__ import annotations

import functools
import itertools
import json
import sys
from pathlib import Path

import pytest

from masa_mm.apis import cli
from masa_mm.pose.crop import crop_parts
from masa_mm.pose.store_writer import PoseStoreWriter
from masa_mm.preparation.demo import DemoConfig, demo_annotations, glosses, write_demo_stores

from toys import commands
from toys.paths import ROOT

DEMO = DemoConfig(num_classes=4, signers=(4, 1, 1), repetitions=(2, 2, 2))

ENCODER = {
    "embed_dims": 16,
    "channels": "[8,8]",
    "sub_part_channels": "[16]",
    "depth": 1,
    "num_heads": 2,
    "feedforward_channels": 16,
}
_number = itertools.count()


def in_this_process(*loaders: str) -> list[str]:
    """Options that load data in the main process."""
    settings = ("num_workers=0", "persistent_workers=False", "pin_memory=False")
    return [f"{name}_dataloader.{setting}" for name in loaders for setting in settings]


def options(**changes) -> list[str]:
    """Convert keywords to ``--cfg-options``; ``__`` stands for a dot."""
    return [f"{key.replace('__', '.')}={value}" for key, value in changes.items()]


def small_encoder(**changes) -> list[str]:
    """Options of a small encoder, and of ``changes``."""
    return options(**{f"model__backbone__{key}": v for key, v in ENCODER.items()}, **changes)


def small_masa(**changes) -> list[str]:
    """Options of a MASA two hundred times smaller than the base configs', with batches of 8."""
    decoder = dict(in_channels=48, depth=1, num_heads=2, feedforward_channels=16)
    alignment = dict(in_channels=48, hidden_channels=16, out_channels=8, queue_len=20)
    return small_encoder(
        **{f"model__decoder__{key}": value for key, value in decoder.items()},
        **{f"model__alignment__{key}": value for key, value in alignment.items()},
        train_dataloader__batch_size=8,
        **changes,
    )


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """Make a folder with all stores and official lists that the configs name."""
    folder = tmp_path_factory.mktemp("place")
    write_demo_stores(folder / "work_dirs/quickstart/data", DEMO)
    for name in ("wlasl", "msasl", "nmfs_csl", "slr500"):
        write_benchmark(folder / "data" / name, name)
    for size in (100, 300):
        write_official_list(folder / f"data/wlasl/nslt_{size}.json", size)
    return folder


def write_benchmark(folder: Path, name: str) -> None:
    for split in ("train", "val", "test"):
        with PoseStoreWriter(
            folder / f"{name}_{split}.safetensors", source=name, split=split, glosses=glosses(DEMO)
        ) as writer:
            for clip in demo_annotations(split, DEMO):
                arrays = clip["keypoint"][0], clip["keypoint_score"][0]
                parts = crop_parts(*arrays, clip["img_shape"])
                writer.add(clip["frame_dir"], *parts, label=clip["label"])


def write_official_list(path: Path, size: int) -> None:
    """Write an ``nslt_*.json`` of the demo clips and of a missing clip of the last class."""
    clips = {
        clip["frame_dir"]: dict(subset=split, action=[clip["label"], 0, 0])
        for split in ("train", "val", "test")
        for clip in demo_annotations(split, DEMO)
    }
    clips["elsewhere"] = dict(subset="train", action=[size - 1, 0, 0])
    path.write_text(json.dumps(clips))


@pytest.fixture
def call(place, monkeypatch):
    """Run tools/train.py or tools/test.py in this process, in the folder ``place``."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.delenv("RANK", raising=False)

    def run(tool: str, config: str, *argv: str, changes: list[str] = ()) -> int:
        # mmengine names runs by the second; runs of one name would share message hub and logger.
        name = f"experiment_name=end_to_end_{next(_number)}"
        tool = dict(train=cli.train, test=cli.test)[tool]
        loaders = ["train"] if "pretrain" in config else ["train", "val", "test"]
        words = [str(ROOT / "configs" / config), *map(str, argv)]
        return tool([*words, "--cfg-options", name, *in_this_process(*loaders), *changes])

    return run


@pytest.fixture
def process(place):
    """Run a command in a subprocess, on the CPU, in the folder ``place``; return its output."""
    run = functools.partial(commands.run, cwd=place)
    run.python = sys.executable
    return run


@pytest.fixture(scope="session")
def changes():
    """Give the functions that make ``--cfg-options``."""

    class Changes:
        encoder = staticmethod(small_encoder)
        masa = staticmethod(small_masa)
        options = staticmethod(options)

    return Changes
