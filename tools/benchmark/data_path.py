"""Measure the data path: making batches, reading a pose store, and the wait for data in training.

    python tools/benchmark/data_path.py                                   # batches of seeded clips
    python tools/benchmark/data_path.py --store data/wlasl_hands/wlasl_hands_train.safetensors
    python tools/benchmark/data_path.py store --store data/wlasl_hands/wlasl_hands_train.safetensors
    python tools/benchmark/data_path.py store --clips 1000000             # seeded clips, 2.4 GB
    python tools/benchmark/data_path.py wait                              # 16 clips, base size
    python tools/benchmark/data_path.py wait --workers 0                  # no loader process

batches: one process, one thread and clips of 64 frames go through both views, masks and collation.
Each transform is timed by itself too. store: writing a store of short clips unless --store names
one, opening it, dealing out an epoch and reading random clips. wait: a training run by the Runner;
mmengine's log gives the time of each step and its wait for data, and the first two steps, which
start workers and allocate buffers, do not count.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import common
import numpy as np
import torch
from common import Row
from mmengine.dataset import DefaultSampler
from mmengine.runner import Runner
from torch.utils.data import Dataset

from masa_mm.datasets import LengthBalancedBatches, SignPoseDataset
from masa_mm.errors import UserError
from masa_mm.option_checks import count, option, whole
from masa_mm.pose.store import PoseStore
from masa_mm.pose.store_writer import PoseStoreWriter

WARM_UP = 2  # steps


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark."""
    return common.run(measure, parse_args(argv))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = common.make_parser(__doc__)
    common.add_clock(parser)
    parser.add_argument(
        "mode", nargs="?", choices=MODES, default="batches", help="what to measure (see above)"
    )
    parser.add_argument("--store", help="pose store with real clips (default: seeded clips)")
    parser.add_argument(
        "--clips",
        type=count,
        default=2048,
        help="clips of batches, seeded clips of store",
    )
    parser.add_argument("--batch-size", type=count, help="default: 64, for wait 16")
    parser.add_argument("--repeats", type=count, default=5, help="timed runs of each figure")
    parser.add_argument("--steps", type=count, default=12, help="training steps of wait")
    parser.add_argument(
        "--workers", type=option(whole(0)), default=1, help="loader processes of wait"
    )
    args = parser.parse_args(argv)
    args.batch_size = args.batch_size or (16 if args.mode == "wait" else 64)
    if args.steps <= WARM_UP:
        parser.error(f"--steps must be more than {WARM_UP}, which do not count")
    if args.mode == "wait" and args.store:
        parser.error("wait uses seeded clips; leave --store out")
    return args


def measure(args: argparse.Namespace) -> None:
    """Print the table of a mode."""
    with tempfile.TemporaryDirectory() as folder:
        common.print_table(MODES[args.mode](args, Path(folder)))


# ---- batches -----------------------------------------------------------------------------------


def batch_rows(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Speed of one process that makes batches, and the time of each transform."""
    torch.set_num_threads(1)
    lengths = np.full(args.clips, common.FULL)
    path = args.store or common.write_clips(folder / "clips.safetensors", lengths, args.seed)
    loader = common.read_config(args.config, args.cfg_options).train_dataloader
    dataset = common.build_dataset(loader, path, clip_len=common.FULL)
    collate = common.collate_function(loader)
    numbers = np.random.default_rng(0).permutation(len(dataset))[: args.clips].tolist()
    groups = [numbers[i : i + args.batch_size] for i in range(0, len(numbers), args.batch_size)]
    groups = [group for group in groups if len(group) == args.batch_size]
    if not groups:
        raise UserError(f"{path}: has {len(dataset)} clips, fewer than a batch")
    clips = len(groups) * args.batch_size
    np.random.seed(args.seed)

    def make_batches() -> None:
        for group in groups:
            collate([dataset[number] for number in group])

    make_batches()
    times = [common.seconds(make_batches, args.clock) for _ in range(args.repeats)]
    per_second = clips / statistics.median(times)
    yield "clips/s, one core", f"{per_second:,.0f} ({args.clock} clock)"
    yield "a clip", f"{1e6 / per_second:.0f} us"
    for name, took in transform_seconds(dataset, groups, collate, args.clock).items():
        yield name, f"{1e6 * took / clips:.1f} us"
    yield "peak memory", f"{common.peak_memory() / 1e9:.2f} GB"


def transform_seconds(
    dataset: Dataset, groups: list[list[int]], collate: Callable, clock: str
) -> dict[str, float]:
    """Seconds that all clips spend in reading, in each transform and in collation.

    Clips pass through all transforms one by one, as in a worker, so the output of one transform is
    still in the cache for the next.
    """
    transforms, now = dataset.pipeline.transforms, common.CLOCKS[clock]
    names = ["reading", *(type(transform).__name__ for transform in transforms)]
    per_clip, collating = [], 0.0
    for group in groups:
        packed = []
        for number in group:
            moments, clip = [now()], dataset.get_data_info(number)
            for transform in transforms:
                moments.append(now())
                clip = transform(clip)
            per_clip.append(np.diff([*moments, now()]))
            packed.append(clip)
        collating += common.seconds(partial(collate, packed), clock)
    return dict(zip(names, np.sum(per_clip, 0).tolist())) | dict(collation=collating)


# ---- store -------------------------------------------------------------------------------------

BLOCK = 10_000  # clips


def store_rows(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Time of writing, opening, dealing out and reading a store."""
    path = args.store or str(folder / "clips.safetensors")
    if not args.store:
        writing = partial(write_short_clips, path, args.clips, args.seed)
        yield "writing", f"{common.seconds(writing, args.clock):.1f} s"
    store, dataset = PoseStore(path), SignPoseDataset(path, pipeline=[])
    yield "size", f"{len(store):,} clips, {Path(path).stat().st_size / 1e9:.2f} GB"
    actions: dict[str, Callable[[], object]] = {
        "opening the store": partial(PoseStore, path),
        "opening the data set": partial(SignPoseDataset, path, pipeline=[]),
        "dealing out an epoch to 64 processes": partial(first_batch, dataset, 64),
    }
    for what, action in actions.items():
        times = [1e3 * common.seconds(action, args.clock) for _ in range(args.repeats)]
        yield what, f"{statistics.median(times):.2f} ms"
    numbers = np.random.default_rng(args.seed).permutation(len(store))[:2000].tolist()
    readers: dict[str, Callable[[int], object]] = {
        "a random clip": store.clip,
        "a random clip, every joint read": lambda n: [array.sum() for array in store.clip(n)],
        "a random clip as float32 results": dataset.get_data_info,
    }
    for what, read in readers.items():
        times = [common.seconds(partial(read, number), args.clock) for number in numbers]
        median, late = 1e6 * np.percentile(times, [50, 99])
        yield what, f"{median:.1f} us (99 %: {late:.0f} us)"


def write_short_clips(path: str, count: int, seed: int) -> None:
    """Write clips of 4 to 12 frames in blocks of 10,000; all blocks have the same joints."""
    lengths = np.random.default_rng(seed).integers(4, 13, min(BLOCK, count))
    clips = common.clip_joints(lengths.tolist(), seed)
    keypoint, score = (np.concatenate(arrays).astype(np.float16) for arrays in zip(*clips))
    glosses = [f"sign{number}" for number in range(2000)]
    with PoseStoreWriter(Path(path), source="synthetic", split="train", glosses=glosses) as writer:
        for start in range(0, count, BLOCK):
            number = np.arange(start, min(start + BLOCK, count))
            num_frames = lengths[: len(number)]
            frames = slice(num_frames.sum())
            names = [f"clip{n:07d}" for n in number]
            label = number % len(glosses)
            writer.add_clips(keypoint[frames], score[frames], num_frames, names, label)


def first_batch(dataset: SignPoseDataset, world: int, batch_size: int = 16) -> None:
    """Deal an epoch out among processes and take the first batch of one of them."""
    sampler = DefaultSampler(dataset, seed=0)
    sampler.world_size = world
    next(iter(LengthBalancedBatches(sampler, batch_size)))


# ---- wait --------------------------------------------------------------------------------------


def wait_rows(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Train for some steps and read from the log how long each of them waited for data."""
    lengths = common.clip_lengths(args.steps * args.batch_size, args.seed, args.batch_size)
    config = common.read_config(args.config, args.cfg_options)
    path = common.write_clips(folder / "clips.safetensors", lengths, args.seed)
    common.use_store(config, path, args.batch_size, args.workers)
    config.train_cfg.max_epochs = 1
    config.log_processor.window_size = 1  # logs each step, not an average
    config.default_hooks.logger.interval = 1
    config.default_hooks.checkpoint = None
    config.visualizer.vis_backends = [dict(type="LocalVisBackend")]
    config.log_level = "WARNING"
    config.randomness = dict(seed=args.seed)
    config.work_dir = str(folder / "work_dir")
    Runner.from_cfg(config).train()
    yield from summarize_log(folder / "work_dir")


def summarize_log(work_dir: Path) -> Iterator[Row]:
    """Summarize the steps of a run's log, without the warm-up."""
    (path,) = work_dir.glob("*/vis_data/scalars.json")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    steps = [line for line in lines if "data_time" in line][WARM_UP:]
    waited, took = ([step[key] for step in steps] for key in ("data_time", "time"))
    in_ms = [1e3 * value for value in waited]
    yield "steps", f"{len(steps)}"
    yield "time", f"{statistics.median(took):.3f} s ({common.spread(took)})"
    yield "data_time", f"{statistics.median(in_ms):.2f} ms ({common.spread(in_ms)})"
    yield "of the time", f"{100 * sum(waited) / sum(took):.2f} %"


MODES = dict(batches=batch_rows, store=store_rows, wait=wait_rows)

if __name__ == "__main__":
    sys.exit(main())
