"""Measure training in several processes, and compute what a step takes on many GPUs.

    python tools/benchmark/scaling.py processes    # 1 and 2 gloo processes, one thread each
    python tools/benchmark/scaling.py project      # 1, 8 and 64 GPUs, computed and not measured

On a shared machine read the CPU column of processes.

The projection uses counts of this package and the assumptions in Rates: gradients by ring
all-reduce, 2 (W - 1) / W times their bytes; memory bank keys and clip ids by ring all-gather; and
some single numbers, one latency each. A ring runs at the full rate of its slowest link. Every
process waits for the one with the most frames.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from itertools import chain, product, repeat
from pathlib import Path
from typing import NamedTuple

import common
import numpy as np
import pretrain_step
import torch
from common import Row
from mmaction.registry import MODELS
from mmengine import dist
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from masa_mm.datasets.balanced_batches import NO_CLIP, distribute
from masa_mm.errors import UserError
from masa_mm.option_checks import count


def main(argv: list[str] | None = None) -> int:
    """Run a study."""
    return common.run(measure, parse_args(argv))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = common.make_parser(__doc__)
    parser.add_argument("study", choices=STUDIES, help="what to measure or compute (see above)")
    parser.add_argument("--batch-size", type=count, default=8, help="clips of a process")
    parser.add_argument("--steps", type=count, default=3, help="timed steps")
    parser.add_argument(
        "--processes", type=count, nargs="+", default=[1, 2], help="numbers of processes"
    )
    parser.add_argument(
        "--gpus",
        type=count,
        nargs="+",
        default=[1, 8, 64],
        help="numbers of GPUs of project",
    )
    args = parser.parse_args(argv)
    if args.steps < 1:
        parser.error("--steps must be 1 or more")
    return args


def measure(args: argparse.Namespace) -> None:
    """Print the table of a study."""
    rows, head = STUDIES[args.study]
    with tempfile.TemporaryDirectory() as folder:
        common.print_table(rows(args, Path(folder)), head)


# ---- processes ---------------------------------------------------------------------------------

PROCESSES_HEAD = (
    "processes",
    "clips a step",
    "s a clip (CPU)",
    "clips/s (wall)",
    "longest / mean frames",
)


class ProcessSteps(NamedTuple):
    """Seconds and frames of each step of a process."""

    wall: list[float]
    cpu: list[float]
    frames: list[int]


def process_rows(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Train with one batch size in each of several processes that exchange gradients and keys."""
    count = max(args.processes) * args.batch_size * (args.steps + 1)
    store = common.write_clips(folder / "clips.safetensors", common.clip_lengths(count, args.seed))
    for world in args.processes:
        steps = run_processes(args, store, folder, world)
        wall, cpu, frames = (np.array(figure) for figure in zip(*steps))  # [processes, steps]
        clips = world * args.batch_size
        yield (
            str(world),
            str(clips),
            f"{np.median(cpu.sum(0)) / clips:.3f}",
            f"{clips / np.median(wall.max(0)):.2f}",
            f"{(frames.max(0) / frames.mean(0)).mean():.3f}",
        )


def run_processes(
    args: argparse.Namespace, store: str, folder: Path, world: int
) -> list[ProcessSteps]:
    """Train in several processes, one thread each.

    Raises:
        UserError: If a process fails.
    """
    meeting = folder / f"meeting{world}"
    meeting.unlink(missing_ok=True)
    queue = torch.multiprocessing.get_context("spawn").SimpleQueue()
    try:
        torch.multiprocessing.spawn(
            train_process, (world, f"file://{meeting}", args, store, queue), nprocs=world
        )
    except (
        torch.multiprocessing.ProcessRaisedException,
        torch.multiprocessing.ProcessExitedException,
    ) as error:
        reason = str(error).strip().splitlines()[-1]
        raise UserError(f"a process of the benchmark failed: {reason}") from error
    return [queue.get() for _ in range(world)]


def train_process(
    rank: int,
    world: int,
    meeting: str,
    args: argparse.Namespace,
    store: str,
    queue: torch.multiprocessing.SimpleQueue,
) -> None:
    """Train in one of several processes and put its :class:`ProcessSteps` into the queue."""
    torch.set_num_threads(1)
    init_default_scope("mmaction")
    if world > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=meeting, world_size=world, rank=rank
        )
    config = common.read_config(args.config, args.cfg_options)
    common.use_store(config, store, args.batch_size, workers=0)
    loader = Runner.build_dataloader(config.train_dataloader, seed=args.seed)
    training = pretrain_step.Training(config.model, config.optim_wrapper, [], args.seed)
    model = training.model
    if world > 1:
        model = MMDistributedDataParallel(model, broadcast_buffers=False)
    found = ProcessSteps([], [], [])
    for number, batch in zip(range(args.steps + 1), chain.from_iterable(repeat(loader))):
        dist.barrier()
        began = {name: clock() for name, clock in common.CLOCKS.items()}
        model.train_step(batch, training.optim_wrapper)
        training.update_key_encoder()
        if number:  # the first step allocates buffers and the optimizer's state
            for name, clock in common.CLOCKS.items():
                getattr(found, name).append(clock() - began[name])
            found.frames.append(int(common.visible_frames(batch).sum()))
    queue.put(found)
    if world > 1:
        torch.distributed.destroy_process_group()


# ---- projection --------------------------------------------------------------------------------


class Rates(NamedTuple):
    """Assumptions of the projection, in SI units."""

    flops_of_clip: float = 25.4e9  # counted: docs/performance.md, clips of 30 to 150 frames
    peak: float = 989e12  # H200, bfloat16, dense; data sheet
    utilisation: float = 0.4  # target, not measured
    gpus_of_node: int = 8
    link_in_node: float = 450e9  # NVLink of a GPU, bytes/s each way
    link_between: float = 400e9  # eight network cards of 400 Gbit/s per node
    latency: float = 30e-6  # of a collective

    def link(self, gpus: int) -> float:
        """Rate of the slowest link of a ring through the GPUs."""
        one_node = gpus <= self.gpus_of_node
        return self.link_in_node if one_node else min(self.link_in_node, self.link_between)


class Traffic(NamedTuple):
    """Bytes that a process exchanges: gradients per step, keys with ids per clip."""

    gradient_bytes: int
    key_bytes: int

    @classmethod
    def of(cls, model: torch.nn.Module) -> Traffic:
        """Count a model's gradients in their dtype, and keys in the bank's dtype with int64 ids."""
        keys = model.alignment.bank.keys
        gradients = [p.numel() * p.element_size() for p in model.parameters() if p.requires_grad]
        return cls(sum(gradients), keys.shape[1] * keys.element_size() + 8)


class StepTimes(NamedTuple):
    """Seconds of the parts of a step."""

    compute: float
    waiting: float
    waiting_undealt: float  # without LengthBalancedBatches; not part of the step
    gradients: float
    keys: float

    @property
    def step(self) -> float:
        """Sum of the parts, one after the other."""
        return self.compute + self.waiting + self.gradients + self.keys

    @property
    def overlapped(self) -> float:
        """The step if gradients overlap with the backward pass, two thirds of the computing."""
        return self.step - min(self.gradients, 2 / 3 * self.compute)


# Masked frames, clips, finite losses, and keys of each process before they are gathered.
SMALL_EXCHANGES = 4
# Bytes/s between nodes (eight network cards of 400 Gbit/s per node, or one) and clips per GPU.
PROJECTED = [*product((400e9, 50e9), (64, 256))]
PROJECT_HEAD = ("GB/s between nodes", "GPUs", "clips each", "computing", "waiting")
PROJECT_HEAD += ("waiting, not dealt out", "gradients", "keys", "step", "step, overlapped")
PROJECT_HEAD += ("efficiency", "overlapped")


def project_rows(args: argparse.Namespace, folder: Path) -> list[Row]:
    """Compute a step for each link, batch size and number of GPUs."""
    model = MODELS.build(common.read_config(args.config, args.cfg_options).model)
    traffic = Traffic.of(model)
    print(f"{traffic}, {Rates()}")
    rows = []
    for (link, batch_size), gpus in product(PROJECTED, args.gpus):
        times = step_times(Rates(link_between=link), traffic, gpus, batch_size)
        in_ms = [f"{1e3 * part:.2f} ms" for part in (*times, times.step, times.overlapped)]
        shares = [times.compute / step for step in (times.step, times.overlapped)]
        efficiency = [f"{100 * share:.0f} %" for share in shares]
        rows.append((f"{link / 1e9:.0f}", str(gpus), str(batch_size), *in_ms, *efficiency))
    return rows


def step_times(rates: Rates, traffic: Traffic, gpus: int, batch_size: int) -> StepTimes:
    """Compute a step of ``gpus`` processes with ``batch_size`` clips each."""
    compute = batch_size * rates.flops_of_clip / (rates.utilisation * rates.peak)
    if gpus == 1:
        return StepTimes(compute, 0, 0, 0, 0)
    link, share = rates.link(gpus), (gpus - 1) / gpus
    dealt, undealt = (compute * excess for excess in waiting_shares(gpus, batch_size))
    gradients = 2 * share * traffic.gradient_bytes / link + rates.latency
    keys = share * gpus * batch_size * traffic.key_bytes / link
    return StepTimes(
        compute, dealt, undealt, gradients, keys + (1 + SMALL_EXCHANGES) * rates.latency
    )


def waiting_shares(gpus: int, batch_size: int, steps: int = 20) -> tuple[float, float]:
    """Excess of the fullest process over the mean frames, with and without balanced batches."""
    lengths = common.clip_lengths(steps * gpus * batch_size)
    lengths = np.random.default_rng(0).permutation(lengths).reshape(steps, -1)
    places = distribute(lengths, gpus)
    step = np.arange(steps)[:, None, None]
    balanced = np.where(places == NO_CLIP, 0, lengths[step, places]).sum(1)
    random = lengths.reshape(steps, gpus, batch_size).sum(2)
    return tuple(float((f.max(1) / f.mean(1)).mean() - 1) for f in (balanced, random))


STUDIES = dict(
    processes=(process_rows, PROCESSES_HEAD),
    project=(project_rows, PROJECT_HEAD),
)

if __name__ == "__main__":
    sys.exit(main())
