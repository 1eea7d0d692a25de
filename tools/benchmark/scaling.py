"""What a clip costs as processes, clip length and data set grow, and what 64 GPUs would make of it.

    python tools/benchmark/scaling.py lengths      # clips of 32, 64 and 128 frames
    python tools/benchmark/scaling.py processes    # 1 and 2 gloo processes
    python tools/benchmark/scaling.py clips        # stores of ten thousand to a million clips
    python tools/benchmark/scaling.py project      # nothing is run: computed from stated rates

The network is the config's. ``clips`` writes stores of short clips (2.4 GB for the million) into
``--folder``, where they stay and are taken from again, or into one that goes. On a machine shared
with other work use one thread (OMP_NUM_THREADS=1) and read the CPU columns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pretrain_step
from machine import CLOCKS, machine, reported, seconds
from many_clips import write_many
from mmengine.dataset import DefaultSampler
from pretrain_step import CONFIG, count_flops, make_training
from projection import projected
from synthetic_clips import clip_lengths, write_clips

from masa_mm.datasets import LengthBalancedBatches, SignPoseDataset
from masa_mm.errors import UserError
from masa_mm.pose.store import PoseStore

PROCESS = Path(__file__).with_name("scaling_process.py")
READ = 2000
Row = tuple[str, ...]


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    args = parse_args(argv)
    print(machine(), flush=True)
    return reported(lambda: measure(args))


def measure(args: argparse.Namespace) -> None:
    """Print what was asked for."""
    studies = dict(lengths=lengths, processes=processes, clips=clips, project=projected)
    with tempfile.TemporaryDirectory() as folder:
        for row in studies[args.study](args, Path(args.folder or folder)):
            print("| " + " | ".join(row) + " |", flush=True)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", choices=("lengths", "processes", "clips", "project"))
    parser.add_argument("--config", default=str(CONFIG), help="of a pretraining")
    parser.add_argument("--batch-size", type=int, default=8, help="of a process")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--frames", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--clips", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 8, 64], help="to project to")
    parser.add_argument("--folder", help="to keep stores in")
    parser.add_argument(
        "--cfg-options", nargs="+", default=[], metavar="KEY=VALUE", help="change the config"
    )
    args = parser.parse_args(argv)
    if args.steps < 1:
        parser.error("--steps must be 1 or more")
    return args


def head(*names: str) -> Iterator[Row]:
    """The first two lines of a Markdown table."""
    yield names
    yield ("---",) * len(names)


# ---- clip length -------------------------------------------------------------------------------


def lengths(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Batches of clips that all have one length."""
    yield from head("frames a clip", "GFLOP a clip", "s a clip (CPU)", "ms a frame (CPU)")
    for frames in args.frames:
        path = write_clips(folder / f"{frames}.safetensors", np.full(args.batch_size, frames))
        options = ["--store", path, "--batch-size", str(args.batch_size), "--batches", "1"]
        options += ["--config", args.config]
        options += ["--cfg-options", *args.cfg_options] if args.cfg_options else []
        training = make_training(pretrain_step.parse_args(options))
        training.step()
        flops = count_flops(training.step) / args.batch_size
        times = [seconds(training.step, "cpu") for _ in range(args.steps)]
        clip = statistics.median(times) / args.batch_size
        yield str(frames), f"{flops / 1e9:.1f}", f"{clip:.3f}", f"{1e3 * clip / frames:.2f}"


# ---- processes ---------------------------------------------------------------------------------


def processes(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """The same batch size in each of several processes, gradients and keys exchanged by gloo."""
    count = max(args.processes) * args.batch_size * (args.steps + 1)
    store = write_clips(folder / "clips.safetensors", clip_lengths(count))
    yield from head(
        "processes", "clips a step", "s a clip (CPU)", "clips/s (wall)", "longest / mean frames"
    )
    for world in args.processes:
        found = run_processes(args, store, folder, world)
        cpu = statistics.median(sum(step) for step in zip(*(f["cpu"] for f in found)))
        wall = statistics.median(max(step) for step in zip(*(f["wall"] for f in found)))
        frames = np.array([f["frames"] for f in found])
        clips_of_step = world * args.batch_size
        yield (
            str(world),
            str(clips_of_step),
            f"{cpu / clips_of_step:.3f}",
            f"{clips_of_step / wall:.2f}",
            f"{(frames.max(0) / frames.mean(0)).mean():.3f}",
        )


def run_processes(args: argparse.Namespace, store: str, folder: Path, world: int) -> list[dict]:
    """What each of the processes that train together found."""
    meeting = folder / f"meeting{world}"
    meeting.unlink(missing_ok=True)
    shared = dict(kind="rank", store=store, workers=0, steps=args.steps, processes=world)
    jobs = [
        job_of(args, folder / f"rank{rank}.json", rank=rank, meeting=str(meeting), **shared)
        for rank in range(world)
    ]
    return run_jobs(jobs, one_thread=True)


def job_of(args: argparse.Namespace, out: Path, **changes: Any) -> dict[str, Any]:
    """A job of scaling_process.py."""
    common = dict(config=args.config, cfg_options=args.cfg_options, batch_size=args.batch_size)
    return dict(common, out=str(out), folder=str(out.parent / "work"), **changes)


def run_jobs(jobs: list[dict[str, Any]], one_thread: bool = False) -> list[Any]:
    """Run processes at the same time, with one thread each if so wished, and read what they found.

    Raises:
        UserError: One failed; what it said stands above.
    """
    running = [
        subprocess.Popen(
            [sys.executable, str(PROCESS), json.dumps(job)], env=environment(one_thread)
        )
        for job in jobs
    ]
    try:
        if any([process.wait() for process in running]):
            raise UserError("a process of the benchmark failed")
    finally:
        for process in running:
            process.kill()
    return [json.loads(Path(job["out"]).read_text()) for job in jobs]


def environment(one_thread: bool) -> dict[str, str]:
    """Variables of a process, which finds this package by them."""
    search = os.pathsep.join([str(PROCESS.parents[2]), os.environ.get("PYTHONPATH", "")])
    threads = {"OMP_NUM_THREADS": "1"} if one_thread else {}
    return {**os.environ, **threads, "PYTHONPATH": search}


# ---- size of the data set ----------------------------------------------------------------------


def clips(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Stores of ever more clips: writing, opening, dealing out an epoch, reading, starting."""
    yield from head("clips", "what", "wall", "CPU")
    for count in args.clips:
        path = folder / f"many_{count}.safetensors"
        rows = [*([] if path.exists() else [timed("writing", partial(write_many, path, count))])]
        rows += [("size", f"{path.stat().st_size / 1e9:.2f} GB", "")]
        for row in (*rows, *of_data(str(path)), *of_start(args, str(path), folder)):
            yield (f"{count:,}", *row)


def of_data(path: str) -> Iterator[Row]:
    """Lines on opening a store, dealing it out and reading it."""
    yield timed("opening the store", partial(PoseStore, path))
    yield timed("opening the data set", partial(SignPoseDataset, path, []))
    dataset = SignPoseDataset(path, [])
    yield timed("dealing out an epoch to 64 processes", partial(epoch_of, dataset))
    numbers = np.random.default_rng(0).permutation(len(dataset))[:READ].tolist()
    took = [read_seconds(dataset, numbers, clock) / len(numbers) for clock in CLOCKS]
    yield "reading a random clip", *(f"{1e6 * value:.0f} us" for value in took)


def of_start(args: argparse.Namespace, store: str, folder: Path) -> Iterator[Row]:
    """Lines on a training's start in a process of its own, seconds since the interpreter's."""
    (stages,) = run_jobs([job_of(args, folder / "s.json", kind="start", store=store, workers=1)])
    for stage, at in stages.items():
        yield f"start: {stage}", f"{at['wall']:.2f} s", f"{at['cpu']:.2f} s"


def timed(what: str, action: Callable[[], object]) -> Row:
    """A line on how long an action takes by both clocks."""
    began = [clock() for clock in CLOCKS.values()]
    action()
    took = [clock() - start for clock, start in zip(CLOCKS.values(), began)]
    return what, *(f"{1e3 * value:.0f} ms" for value in took)


def epoch_of(dataset: SignPoseDataset, world: int = 64, batch_size: int = 16) -> None:
    """Deal out an epoch among processes and take one's first batch."""
    sampler = DefaultSampler(dataset, seed=0)
    sampler.world_size = world
    next(iter(LengthBalancedBatches(sampler, batch_size)))


def read_seconds(dataset: SignPoseDataset, numbers: list[int], clock: str) -> float:
    """Read clips as the pipeline gets them."""
    return seconds(lambda: [dataset.get_data_info(number) for number in numbers], clock)


if __name__ == "__main__":
    sys.exit(main())
