"""What scaling.py measures in processes of their own: python scaling_process.py JOB, read as JSON.

``start``: a training, from the interpreter's first line to the end of its first iteration.
``rank``: some steps of one of several processes that train together.
"""

from __future__ import annotations

import time

CLOCKS = dict(wall=time.perf_counter, cpu=time.process_time)
_BEGAN = {name: clock() for name, clock in CLOCKS.items()}

import json  # noqa: E402 - the clocks run from before the first import
import sys  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import torch  # noqa: E402
from mmengine import dist  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.hooks import Hook  # noqa: E402
from mmengine.model import MMDistributedDataParallel  # noqa: E402
from mmengine.optim import build_optim_wrapper  # noqa: E402
from mmengine.registry import MODELS, init_default_scope  # noqa: E402
from mmengine.runner import Runner  # noqa: E402
from pretrain_step import read_config, shown  # noqa: E402

import masa_mm  # noqa: E402, F401  (registers what configs name)


def main(job: dict[str, Any]) -> None:
    """Do a job and write what was found."""
    config = pointed_at_store(read_config(job["config"], job["cfg_options"]), job)
    found = dict(start=start, rank=rank)[job["kind"]](config, job)
    Path(job["out"]).write_text(json.dumps(found))


def pointed_at_store(config: Config, job: dict[str, Any]) -> Config:
    """The config on the job's store, batch size and workers."""
    loader = config.train_dataloader
    loader.update(
        batch_size=job["batch_size"],
        num_workers=job["workers"],
        persistent_workers=job["workers"] > 0,
        dataset=dict(
            type="SignPoseDataset", ann_file=job["store"], pipeline=loader.dataset.pipeline
        ),
    )
    return config


# ---- how a training starts ---------------------------------------------------------------------


class _FirstIterationDone(Exception):
    """Nothing more is of interest."""


class _Stages(Hook):
    """Seconds since the interpreter began, by the clocks, when a stage was over."""

    priority = "VERY_LOW"

    def __init__(self) -> None:
        self.seconds: dict[str, dict[str, float]] = {}

    def over(self, stage: str) -> None:
        self.seconds[stage] = {name: clock() - _BEGAN[name] for name, clock in CLOCKS.items()}

    def before_train(self, runner: Runner) -> None:
        self.over("training set up")

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        self.over("first batch there")

    def after_train_iter(self, runner: Runner, batch_idx: int, **kwargs: Any) -> None:
        self.over("first iteration done")
        raise _FirstIterationDone


def start(config: Config, job: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Stages of a training's start and the seconds since the interpreter's, on each clock."""
    stages = _Stages()
    stages.over("imports")
    config.work_dir, config.log_level = job["folder"], "WARNING"
    runner = Runner.from_cfg(config)
    runner.register_hook(stages)
    try:
        runner.train()
    except _FirstIterationDone:
        return stages.seconds
    raise RuntimeError("training ended without an iteration")


# ---- one of several processes ------------------------------------------------------------------


def rank(config: Config, job: dict[str, Any]) -> dict[str, list]:
    """Seconds by each clock and frames of each step of this process, the first left out."""
    init_default_scope("mmaction")
    world = job["processes"]
    if world > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{job['meeting']}", world_size=world, rank=job["rank"]
        )
    torch.manual_seed(0)
    loader = Runner.build_dataloader(config.train_dataloader, seed=0)
    model = MODELS.build(config.model).train()
    optim_wrapper = build_optim_wrapper(model, config.optim_wrapper)
    model.update_key_encoder()
    trained = model if world == 1 else MMDistributedDataParallel(model, broadcast_buffers=False)
    found: dict[str, list] = dict(wall=[], cpu=[], frames=[])
    for number, batch in zip(range(job["steps"] + 1), epochs(loader)):
        dist.barrier()
        began = {name: clock() for name, clock in CLOCKS.items()}
        trained.train_step(batch, optim_wrapper)
        model.update_key_encoder()
        if number:  # the first makes buffers and the optimizer's state
            for name, clock in CLOCKS.items():
                found[name].append(clock() - began[name])
            found["frames"].append(int(shown(batch["inputs"]["keypoint"]).sum()))
    if world > 1:
        torch.distributed.destroy_process_group()
    return found


def epochs(loader: torch.utils.data.DataLoader) -> Iterator[dict]:
    """Batches without an end."""
    while True:
        yield from loader


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
