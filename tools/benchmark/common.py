"""Shared code of the benchmarks: command line, clocks, FLOPs, tables and seeded clips.

Every joint is visible in every frame of the seeded clips, so no frame is cheap because a detector
missed a hand. The paper's mask leaves about a fifth of their frames visible, which is the largest
share seen on realistic clips.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from mmaction.registry import DATASETS
from mmengine import DictAction
from mmengine.config import Config, ConfigDict
from mmengine.registry import FUNCTIONS, init_default_scope
from torch.utils.data import Dataset
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

import masa_mm  # noqa: F401  (registers the components that configs name)
from masa_mm.errors import UserError
from masa_mm.option_checks import seed
from masa_mm.pose.skeleton import NUM_JOINTS
from masa_mm.pose.store_writer import write_store

ROOT = Path(__file__).resolve().parents[2]
PRETRAIN_CONFIG = ROOT / "configs" / "masa_pretrain_wlasl.py"
Row = tuple[str, ...]

# ---- command line ------------------------------------------------------------------------------


def make_parser(doc: str, config: Path | None = PRETRAIN_CONFIG) -> argparse.ArgumentParser:
    """Make a parser with the options of all benchmarks.

    Args:
        doc (str): The docstring of the script.
        config (Path, optional): The default of ``--config``; None leaves the option out.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if config:
        parser.add_argument(
            "--config", default=str(config), help="pretraining config (default: %(default)s)"
        )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        default={},
        metavar="KEY=VALUE",
        help="override options of the config",
    )
    parser.add_argument("--seed", type=seed, default=0, help="seed of weights and clips")
    return parser


def add_clock(parser: argparse.ArgumentParser) -> None:
    """Add ``--clock``."""
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default="wall",
        help="wall: elapsed time; cpu: CPU time of this process, for a shared machine, "
        "needs OMP_NUM_THREADS=1",
    )


def check_clock(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Exit with a usage error if ``--clock cpu`` would add up the time of several threads."""
    if args.clock == "cpu" and torch.get_num_threads() > 1:
        parser.error("--clock cpu adds up threads; set OMP_NUM_THREADS=1")


def read_config(path: str | Path, overrides: dict) -> Config:
    """Read a config file and override some of its options."""
    config = Config.fromfile(path)
    config.merge_from_dict(overrides)
    return config


def run(measure: Callable[[argparse.Namespace], None], args: argparse.Namespace) -> int:
    """Run a benchmark and print the machine and its load around it.

    Returns:
        int: The exit code; a user error is printed as one line and gives 1.
    """
    init_default_scope("mmaction")
    print(machine(), flush=True)
    try:
        measure(args)
    except (OSError, UserError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"load {load()} at the end")
    return 0


def machine() -> str:
    """Describe the machine in one line."""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} thread(s), "
        f"torch {torch.__version__}, load {load()}"
    )


def load() -> str:
    """Load averages over 1, 5 and 15 minutes."""
    return " ".join(f"{average:.1f}" for average in os.getloadavg())


# ---- clocks and rates --------------------------------------------------------------------------

CLOCKS: dict[str, Callable[[], float]] = dict(wall=time.perf_counter, cpu=time.process_time)


def seconds(action: Callable[[], object], clock: str = "wall") -> float:
    """Seconds that an action takes by a clock of :data:`CLOCKS`."""
    now = CLOCKS[clock]
    start = now()
    action()
    return now() - start


class MatmulRate:
    """R: the rate in FLOP/s of a product of two square float32 matrices.

    Benchmarks sample it between their own measurements and use the median, because the speed of a
    shared machine changes.

    Args:
        clock (str): A name of :data:`CLOCKS`.
        size (int): Side of the matrices.
    """

    def __init__(self, clock: str = "wall", size: int = 4096) -> None:
        self.clock = clock
        self.rates: list[float] = []
        generator = torch.Generator().manual_seed(0)
        self._factors = [torch.rand(size, size, generator=generator) for _ in range(2)]
        self._out = torch.empty(size, size)
        self._multiply()

    def _multiply(self) -> None:
        torch.mm(*self._factors, out=self._out)

    def sample(self) -> None:
        """Measure once."""
        flops = 2 * len(self._out) ** 3
        self.rates.append(flops / seconds(self._multiply, self.clock))

    @property
    def median(self) -> float:
        """Median of all samples."""
        return statistics.median(self.rates)


def peak_memory() -> float:
    """Peak resident memory of this process in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # Linux counts in kB


# torch counts the attention operators of CUDA only; the CPU has an operator of its own.
_CPU_ATTENTION = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: (
        lambda q, k, v, *args, out_shape=None, **kwargs: sdpa_flop_count(q, k, v)
    ),
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: (
        lambda grad, q, k, v, *args, out_shape=None, **kwargs: sdpa_backward_flop_count(
            grad, q, k, v
        )
    ),
}


def count_flops(action: Callable[[], object]) -> int:
    """FLOPs of the matrix products and attentions of an action (multiply and add count as two)."""
    counter = FlopCounterMode(display=False, custom_mapping=_CPU_ATTENTION)
    with counter:
        action()
    return counter.get_total_flops()


# ---- tables ------------------------------------------------------------------------------------


def print_table(rows: Iterable[Row], head: Row = ("what", "measured")) -> None:
    """Print a Markdown table, each row as soon as it is measured."""
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|", flush=True)
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def spread(values: Iterable[float]) -> str:
    """Minimum and maximum."""
    values = list(values)
    return f"{min(values):.3g} to {max(values):.3g}"


# ---- seeded clips ------------------------------------------------------------------------------

SHORTEST, LONGEST, MEAN = 30, 150, 69
FULL = 64
_GLOSSES = ("book", "drink", "computer")


def clip_lengths(count: int, seed: int = 0, batch_size: int = 16) -> np.ndarray:
    """Draw clip lengths from 30 to 150 frames with a mean of 69; most clips are short.

    Each batch has one clip from each of ``batch_size`` equal shares of the distribution, so all
    batches have nearly the same total and few steps give a steady figure.

    Returns:
        np.ndarray: Frames of each clip, int64 [count].
    """
    rng = np.random.default_rng(seed)
    batches = -(-count // batch_size)
    quantile = (np.arange(batch_size) + rng.random((batches, batch_size))) / batch_size
    power = (LONGEST - SHORTEST) / (MEAN - SHORTEST) - 1
    lengths = np.rint(SHORTEST + (LONGEST - SHORTEST) * quantile**power).astype(np.int64)
    return rng.permuted(lengths, axis=1).reshape(-1)[:count]


def clip_joints(lengths: Iterable[int], seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Draw clips whose joints move on closed curves and rest for 8 % of the frames at each end.

    Yields:
        Part coordinates, float32 [T, 49, 2], and scores, float32 [T, 49], of a clip.
    """
    rng = np.random.default_rng(seed)
    for num_frames in lengths:
        time_step = np.arange(num_frames)[:, None, None]
        pace = 2 * np.pi / rng.uniform(15, 30, (1, NUM_JOINTS, 2))
        phase = rng.uniform(0, 2 * np.pi, (1, NUM_JOINTS, 2))
        moving = np.clip(time_step, 0.08 * num_frames, 0.92 * num_frames)
        center, radius = rng.uniform(0.3, 0.7, (1, NUM_JOINTS, 2)), 0.25
        keypoint = center + radius * np.sin(phase + pace * moving)
        score = rng.uniform(0.5, 1, (num_frames, NUM_JOINTS))
        yield keypoint.astype(np.float32), score.astype(np.float32)


def write_clips(path: Path, lengths: np.ndarray, seed: int = 0) -> str:
    """Write seeded clips as a pose store and return its path."""
    clips = clip_joints(lengths.tolist(), seed)
    keypoint, score = (np.concatenate(arrays) for arrays in zip(*clips))
    names = [f"clip{number}" for number in range(len(lengths))]
    label = np.arange(len(lengths)) % len(_GLOSSES)
    write_store(
        path,
        keypoint,
        score,
        lengths,
        names,
        source="synthetic",
        split="train",
        glosses=_GLOSSES,
        label=label,
    )
    return str(path)


# ---- loading clips -----------------------------------------------------------------------------

# Options of SampleSignFrames that keep clips whole.
WHOLE = dict(clip_len=10 * LONGEST)


def build_dataset(loader: ConfigDict, store: str | Path, **sampling: object) -> Dataset:
    """Open a pose store with the pipeline of a dataloader config.

    Args:
        loader (ConfigDict): The dataloader config.
        store (str | Path): The pose store.
        **sampling: Options of ``SampleSignFrames`` to override.
    """
    pipeline = [
        {**step, **sampling} if step["type"] == "SampleSignFrames" else step
        for step in loader.dataset.pipeline
    ]
    return DATASETS.build(dict(type="SignPoseDataset", ann_file=str(store), pipeline=pipeline))


def collate_function(loader: ConfigDict) -> Callable[[list[dict]], dict]:
    """Build the collate function of a dataloader config."""
    options = dict(loader["collate_fn"])
    return partial(FUNCTIONS.get(options.pop("type")), **options)


def use_store(config: Config, store: str, batch_size: int, workers: int) -> None:
    """Point the training dataloader of a config at a pose store."""
    loader = config.train_dataloader
    loader.dataset = dict(type="SignPoseDataset", ann_file=store, pipeline=loader.dataset.pipeline)
    loader.update(batch_size=batch_size, num_workers=workers, persistent_workers=workers > 0)


def visible_frames(batch: dict) -> torch.Tensor:
    """Frames with at least one joint in the first view of each clip, bool [N, T]."""
    return (batch["inputs"]["keypoint"][:, 0, 0, ..., 2] > 0).any(-1)


def mean_frames(batches: list[dict]) -> float:
    """Mean number of frames with a joint per clip."""
    visible = [visible_frames(batch) for batch in batches]
    return sum(int(frames.sum()) for frames in visible) / sum(map(len, visible))


def describe_frames(batches: list[dict]) -> str:
    """Mean numbers of frames with a joint and of padded frames per clip."""
    padded = statistics.mean(batch["inputs"]["keypoint"].shape[3] for batch in batches)
    return f"{mean_frames(batches):.1f} with a joint, of {padded:.0f} padded"
