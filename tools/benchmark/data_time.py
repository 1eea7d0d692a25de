"""What of a training step is waiting for data, read from a training run's own log.

    python tools/benchmark/data_time.py                    # base size, 16 clips of real lengths
    python tools/benchmark/data_time.py --workers 0        # the main process loads too

A run by the Runner, as ``tools/train.py`` makes it, over a store of seeded clips; ``data_time`` and
``time`` are what mmengine's ``IterTimerHook`` logs, step by step. The first steps, in which workers
start and buffers are made, do not count.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from counting import print_table, spread
from machine import machine, reported
from mmengine.config import Config
from mmengine.runner import Runner
from pretrain_step import CONFIG, read_config
from synthetic_clips import clip_lengths, write_clips

import masa_mm  # noqa: F401  (registers what configs name)

AIM = 0.02
WARM_UP = 2


def main(argv: list[str] | None = None) -> int:
    """Train, and print."""
    args = parse_args(argv)
    print(machine(), flush=True)
    return reported(lambda: measure(args))


def measure(args: argparse.Namespace) -> None:
    """Train, and print what the log says."""
    with tempfile.TemporaryDirectory() as folder:
        config = make_config(args, Path(folder))
        Runner.from_cfg(config).train()
        print_table(rows(read_log(Path(config.work_dir))))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=str(CONFIG), help="of a pretraining")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--cfg-options", nargs="+", default=[], metavar="KEY=VALUE", help="change the config"
    )
    args = parser.parse_args(argv)
    if args.steps <= WARM_UP:
        parser.error(f"--steps must be more than {WARM_UP}, which do not count")
    return args


def make_config(args: argparse.Namespace, folder: Path) -> Config:
    """The config, over a store of seeded clips, for some steps of one epoch."""
    config = read_config(args.config, args.cfg_options)
    lengths = clip_lengths(args.steps * args.batch_size, args.seed, args.batch_size)
    path = write_clips(folder / "clips.safetensors", lengths, args.seed)
    loader = config.train_dataloader
    loader.dataset = dict(type="SignPoseDataset", ann_file=path, pipeline=loader.dataset.pipeline)
    loader.update(
        batch_size=args.batch_size, num_workers=args.workers, persistent_workers=args.workers > 0
    )
    config.train_cfg.max_epochs = 1
    config.log_processor.window_size = 1  # steps as they are, not their average
    config.default_hooks.logger.interval = 1
    config.default_hooks.checkpoint = None
    config.visualizer.vis_backends = [dict(type="LocalVisBackend")]
    config.log_level = "WARNING"
    config.randomness = dict(seed=args.seed)
    config.work_dir = str(folder / "work_dir")
    return config


def read_log(work_dir: Path) -> list[dict]:
    """The steps of a run's log that count, in their order."""
    (path,) = work_dir.glob("*/vis_data/scalars.json")
    steps = [json.loads(line) for line in path.read_text().splitlines()]
    return [step for step in steps if "data_time" in step][WARM_UP:]


def rows(steps: list[dict]) -> Iterator[tuple[str, str]]:
    """What the steps say."""
    waited, took = ([step[key] for step in steps] for key in ("data_time", "time"))
    yield "steps", f"{len(steps)}"
    yield "time", f"{statistics.median(took):.3f} s ({spread(took)})"
    yield (
        "data_time",
        f"{1e3 * statistics.median(waited):.2f} ms ({spread([1e3 * t for t in waited])})",
    )
    yield "of the time", f"{100 * sum(waited) / sum(took):.2f} % (aim: under {100 * AIM:.0f} %)"


if __name__ == "__main__":
    sys.exit(main())
