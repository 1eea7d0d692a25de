"""How fast training batches are made: from the store through both views, masks and collation.

    python tools/benchmark/data_path.py                                   # seeded clips
    python tools/benchmark/data_path.py --store data/wlasl_hands/wlasl_hands_train.safetensors

One process, one thread, clips of 64 frames (longer ones are cut to 64 by the pipeline itself). The
time of each step of the pipeline is measured apart too; their sum leaves out what lies between. On
a machine shared with other work use ``--clock cpu``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from collation import collate_function
from counting import print_table
from machine import CLOCKS, machine, peak_memory, reported, seconds
from mmaction.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from pretrain_step import CONFIG
from synthetic_clips import FULL, write_clips
from torch.utils.data import Dataset

import masa_mm  # noqa: F401  (registers what configs name)
from masa_mm.errors import UserError

AIM = 10_000  # clips/s


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    args = parse_args(argv)
    torch.set_num_threads(1)
    init_default_scope("mmaction")
    print(machine(), flush=True)
    return reported(lambda: measure(args))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=str(CONFIG), help="of a pretraining")
    parser.add_argument("--store", help="real clips of a pose store; default: seeded ones")
    parser.add_argument("--clips", type=int, default=2048)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    return parser.parse_args(argv)


def measure(args: argparse.Namespace) -> None:
    """Print a table."""
    with tempfile.TemporaryDirectory() as folder:
        print_table(list(rows(args, Path(folder))))


def rows(args: argparse.Namespace, folder: Path) -> Iterator[tuple[str, str]]:
    """Clips/s and microseconds a clip, step by step."""
    path = args.store or write_clips(folder / "clips.safetensors", np.full(args.clips, FULL))
    dataset, collate = make_dataset(args.config, path)
    numbers = np.random.default_rng(0).permutation(len(dataset))[: args.clips].tolist()
    numbers = numbers[: len(numbers) // args.batch_size * args.batch_size]
    if not numbers:
        raise UserError(f"{path}: has {len(dataset)} clips, fewer than a batch")
    np.random.seed(0)
    batches(dataset, numbers[: args.batch_size], args.batch_size, collate)
    times = [
        seconds(lambda: batches(dataset, numbers, args.batch_size, collate), args.clock)
        for _ in range(args.repeats)
    ]
    per_second = len(numbers) / statistics.median(times)
    yield "clips/s, one core", f"{per_second:,.0f} (aim {AIM:,}; {args.clock} clock)"
    yield "a clip", f"{1e6 / per_second:.0f} us"
    for name, took in steps(dataset, numbers, args, collate):
        yield name, f"{1e6 * took / len(numbers):.1f} us"
    yield "peak memory", f"{peak_memory() / 1e9:.2f} GB"


def make_dataset(config: str, path: str) -> tuple[Dataset, object]:
    """The config's pipeline over a store, its crop shortened to 64 frames, and its collation."""
    loader = Config.fromfile(config).train_dataloader
    pipeline = [
        {**step, "clip_len": FULL} if step["type"] == "SampleSignFrames" else step
        for step in loader.dataset.pipeline
    ]
    dataset = DATASETS.build(dict(type="SignPoseDataset", ann_file=path, pipeline=pipeline))
    return dataset, collate_function(loader)


def batches(dataset: Dataset, numbers: list[int], batch_size: int, collate: object) -> None:
    """Make batches as a DataLoader's worker does, and let go of them."""
    for start in range(0, len(numbers), batch_size):
        collate([dataset[number] for number in numbers[start : start + batch_size]])


def steps(
    dataset: Dataset, numbers: list[int], args: argparse.Namespace, collate: object
) -> Iterable[tuple[str, float]]:
    """Each step of the pipeline, its name and the seconds all clips spend in it.

    Clips go through all steps one by one, as in a worker: what a step made is still in the cache.
    """
    transforms, now = dataset.pipeline.transforms, CLOCKS[args.clock]
    names = ["reading", *(type(step).__name__ for step in transforms), "collation"]
    took = [0.0] * len(names)
    for first in range(0, len(numbers), args.batch_size):
        packed = []
        for number in numbers[first : first + args.batch_size]:
            moments, clip = [now()], dataset.get_data_info(number)
            for step in transforms:
                moments.append(now())
                clip = step(clip)
            moments.append(now())
            took[:-1] = [a + b for a, b in zip(took, np.diff(moments).tolist())]
            packed.append(clip)
        took[-1] += seconds(partial(collate, packed), args.clock)
    return zip(names, took)


if __name__ == "__main__":
    sys.exit(main())
