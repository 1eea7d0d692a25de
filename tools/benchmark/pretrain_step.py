"""How fast a pretraining step is, held against the machine's matmul rate and the authors' release.

    python tools/benchmark/pretrain_step.py                     # clips of 30 to 150 frames
    python tools/benchmark/pretrain_step.py --lengths full      # clips of 64 frames
    python tools/benchmark/pretrain_step.py --store data/wlasl_hands/wlasl_hands_train.safetensors
    python tools/benchmark/pretrain_step.py --parts             # which part costs what
    python tools/benchmark/pretrain_step.py --profile           # which operator does

A step is what training does with a batch: both branches, losses, backward pass, optimizer, momentum
copy and memory bank. Batches are seeded and lie ready; how fast they are made, data_path.py tells.
FLOPs are counted, a multiplication and an addition as two; R, the rate of a float32 matrix product
of side 4096 on the same threads, is measured before, between and after the steps. On a machine
shared with other work use one thread (OMP_NUM_THREADS=1) and ``--clock cpu``, which counts the
time this process computes and not the time it waits.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import torch
from collation import collate_function
from counting import count_flops, gflops, operators, print_table, spread
from machine import (
    CLOCKS,
    MatmulRate,
    machine,
    peak_memory,
    refuse_cpu_clock_of_threads,
    reported,
    seconds,
)
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from synthetic_clips import FULL, LONGEST, clip_lengths, write_clips

import masa_mm  # noqa: F401  (registers what configs name)
from masa_mm.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs" / "masa_pretrain_wlasl.py"


class Reference(NamedTuple):
    """The authors' release: FLOPs a clip, and the share of R at which it computes them.

    Measured on 2 cores with torch 2.13 in float32, on batches of 16 clips.
    """

    flops: float
    share: float

    def clips_per_second(self, rate: float) -> float:
        """Its speed on a machine of this matmul rate."""
        return self.share * rate / self.flops


REFERENCE = dict(real=Reference(175e9, 0.5), full=Reference(73.9e9, 0.55))


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    args = parse_args(argv)
    print(machine(), flush=True)
    return reported(lambda: measure(args))


def measure(args: argparse.Namespace) -> None:
    """Print what was asked for."""
    training = make_training(args)
    training.step()  # buffers are made, the optimizer's state too
    if args.profile:
        print(operators(training.step, args.rows))
        return
    print_table(step_rows(training, args))
    if args.parts:
        print_table(part_rows(training, args))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=str(CONFIG), help="of a pretraining")
    parser.add_argument("--lengths", choices=REFERENCE, default="real", help="30..150 or all 64")
    parser.add_argument("--store", help="real clips instead, whole, of a pose store")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--batches", type=int, default=4, help="different ones, in turns")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--parts", action="store_true", help="measure parts of a step too")
    parser.add_argument("--profile", action="store_true", help="print the operators of a step")
    parser.add_argument("--rows", type=int, default=30, help="of the profile")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--cfg-options", nargs="+", default=[], metavar="KEY=VALUE", help="change the config"
    )
    args = parser.parse_args(argv)
    refuse_cpu_clock_of_threads(parser, args)
    if args.steps < 1 or args.batches < 1:
        parser.error("--steps and --batches must be 1 or more")
    return args


# ---- what is measured --------------------------------------------------------------------------


class Training:
    """A model, its optimizer and batches.

    Args:
        model (dict): The model's config.
        optim_wrapper (dict): That of its optimizer.
        batches (list of dict): Collated, on the host.
        seed (int): Of the weights.
        device (torch.device | str): Where to compute.
    """

    def __init__(
        self,
        model: dict,
        optim_wrapper: dict,
        batches: list[dict],
        seed: int,
        device: torch.device | str = "cpu",
    ) -> None:
        self.batches = batches
        torch.manual_seed(seed)
        self.model = MODELS.build(model).to(device).train()
        self.optim_wrapper = build_optim_wrapper(self.model, optim_wrapper)
        if self.model.alignment is not None:
            self.model.update_key_encoder()
        self.steps = 0

    def batch(self) -> dict:
        """The batch whose turn it is."""
        return self.batches[self.steps % len(self.batches)]

    def step(self) -> dict[str, torch.Tensor]:
        """Train on the batch whose turn it is; what is logged of it."""
        logged = self.model.train_step(self.batch(), self.optim_wrapper)
        if self.model.alignment is not None:
            self.model.update_key_encoder()
        self.steps += 1
        return logged

    def losses(self) -> dict[str, torch.Tensor]:
        """Losses of a batch, as a step computes them."""
        data = self.model.data_preprocessor(self.batch(), True)
        return self.model(**data, mode="loss")


def make_training(args: argparse.Namespace) -> Training:
    """What the command line asks for."""
    init_default_scope("mmaction")
    config = read_config(args.config, args.cfg_options)
    return Training(config.model, config.optim_wrapper, make_batches(config, args), args.seed)


def read_config(path: str, changes: list[str]) -> Config:
    """A config file and KEY=VALUE changes to it."""
    from mmengine import DictAction

    config = Config.fromfile(path)
    parser = argparse.ArgumentParser()
    parser.add_argument("--cfg-options", nargs="+", action=DictAction)
    if changes:
        config.merge_from_dict(parser.parse_args(["--cfg-options", *changes]).cfg_options)
    return config


def make_batches(config: Config, args: argparse.Namespace) -> list[dict]:
    """Collated batches of the config's own pipeline, of whole clips.

    Raises:
        UserError: If a store has too few clips.
    """
    loader, count = config.train_dataloader, args.batches * args.batch_size
    pipeline = [whole_clips(step) for step in loader.dataset.pipeline]
    collate = collate_function(loader)
    with tempfile.TemporaryDirectory() as folder:
        path = args.store or seeded_store(Path(folder), count, args)
        dataset = DATASETS.build(dict(type="SignPoseDataset", ann_file=path, pipeline=pipeline))
        if len(dataset) < count:
            raise UserError(f"{path}: has {len(dataset)} clips, {count} are needed")
        order = np.arange(count)
        if args.store:
            order = np.random.default_rng(args.seed).permutation(len(dataset))[:count]
        np.random.seed(args.seed)
        packed = [dataset[int(number)] for number in order]
    return [
        collate(packed[start : start + args.batch_size])
        for start in range(0, count, args.batch_size)
    ]


def seeded_store(folder: Path, count: int, args: argparse.Namespace) -> str:
    """A pose store of seeded clips."""
    lengths = np.full(count, FULL)
    if args.lengths == "real":
        lengths = clip_lengths(count, args.seed, args.batch_size)
    return write_clips(folder / "clips.safetensors", lengths, args.seed)


def whole_clips(step: dict) -> dict:
    """A pipeline's step; the one that cuts clips, so that it does not."""
    return {**step, "clip_len": 10 * LONGEST} if step["type"] == "SampleSignFrames" else step


# ---- a step ------------------------------------------------------------------------------------


def step_rows(training: Training, args: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Measure steps, with R before, between and after them."""
    for _ in training.batches:
        training.step()
    memory = peak_memory()  # before the matrices of R
    flops = statistics.mean(count_flops(training.step) for _ in training.batches)
    rate, times = MatmulRate(args.clock), []
    rate.sample()
    for _ in range(args.steps):
        times.append(seconds(training.step, args.clock))
        rate.sample()
    per_second = args.batch_size / statistics.median(times)
    yield from describe(training.batches)
    yield "R", f"{gflops(rate.median)} GFLOP/s ({spread([r / 1e9 for r in rate.rates])})"
    yield "step", f"{statistics.median(times):.2f} s ({spread(times)}), {args.clock} clock"
    yield "clips/s", f"{per_second:.2f}"
    yield "real frames/s", f"{per_second * mean_frames(training.batches):.0f}"
    yield (
        "FLOPs a step",
        f"{flops / 1e12:.3f} TFLOP, {gflops(flops / args.batch_size)} GFLOP a clip",
    )
    share = flops / statistics.median(times) / rate.median
    yield "of R", f"{100 * share:.0f} %"
    yield "peak memory", f"{memory / 1e9:.2f} GB"
    if args.batch_size == 16:
        reference = REFERENCE[args.lengths]
        ratio = per_second / reference.clips_per_second(rate.median)
        yield "against the reference at this R", f"{ratio:.1f} x its clips/s"
        yield "the same at full R", f"{ratio / share:.1f} x"


def describe(batches: list[dict]) -> Iterator[tuple[str, str]]:
    """What is in the batches."""
    present = torch.cat([shown(batch["inputs"]["keypoint"]).flatten() for batch in batches])
    masked = torch.cat([batch["inputs"]["frame_mask"].any(-1).flatten() for batch in batches])
    visible = (present & ~masked).sum() / present.sum()
    yield "clips", f"{len(batches)} batches of {len(batches[0]['inputs']['keypoint'])}"
    yield "frames a clip", describe_frames(batches)
    yield "of these visible", f"{100 * visible:.0f} %"


def describe_frames(batches: list[dict]) -> str:
    """How many frames there are, and how many with padding."""
    return f"{mean_frames(batches):.1f} with a joint, of {padded(batches):.0f} padded"


def shown(keypoint: torch.Tensor) -> torch.Tensor:
    """Frames with a joint, bool [N, T], of poses [N, 1, 1, T, V, 3]."""
    return (keypoint[:, 0, 0, ..., 2] > 0).any(-1)


def mean_frames(batches: list[dict]) -> float:
    """Frames with a joint, a clip."""
    found = [shown(batch["inputs"]["keypoint"]) for batch in batches]
    return sum(int(real.sum()) for real in found) / sum(map(len, found))


def padded(batches: list[dict]) -> float:
    """Frames a clip, with padding."""
    return statistics.mean(batch["inputs"]["keypoint"].shape[3] for batch in batches)


# ---- parts -------------------------------------------------------------------------------------

# Module of the model and its method -> what it is, and whether it has a backward pass.
PARTS = {
    ("backbone.hand_network", "forward"): ("hand network", True),
    ("backbone.body_network", "forward"): ("body network", True),
    ("backbone.transformer", "encode_rows"): ("encoder's blocks", True),
    ("decoder.transformer", "encode_rows"): ("decoder's blocks", True),
    ("key_encoder.module.backbone.hand_network", "forward"): ("hand network, key branch", False),
    ("key_encoder.module.backbone.body_network", "forward"): ("body network, key branch", False),
    ("key_encoder.module.backbone.transformer", "encode_rows"): (
        "encoder's blocks, key branch",
        False,
    ),
}


class Part(NamedTuple):
    """A piece of a step that can be run again by itself."""

    name: str
    run: Callable[[], object]


def part_rows(training: Training, args: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Measure each part as often as steps, with R in between."""
    for part in find_parts(training):
        rate, times = MatmulRate(args.clock), []
        part.run()
        flops = count_flops(part.run)
        rate.sample()
        for _ in range(args.steps):
            times.append(seconds(part.run, args.clock))
            rate.sample()
        took = statistics.median(times)
        share = f", {gflops(flops)} GFLOP, {100 * flops / took / rate.median:.0f} % of R"
        yield part.name, f"{1e3 * took:.0f} ms{share if flops else ''}"


def find_parts(training: Training) -> Iterator[Part]:
    """Run a step, keep what each module was given, and make it repeatable."""
    for part, call in given_to_parts(training).items():
        name, with_backward = PARTS[part]
        method = getattr(training.model.get_submodule(part[0]), part[1])
        yield Part(name, partial(replay, method, call.args, call.kwargs, with_backward))
    training.losses()["loss_motion"].backward()
    yield Part("optimizer", training.optim_wrapper.optimizer.step)
    if training.model.alignment is not None:
        yield Part("momentum copy", training.model.update_key_encoder)


def given_to_parts(training: Training) -> dict[tuple[str, str], mock._Call]:
    """What each part that the model has was called with in a step."""
    modules = dict(training.model.named_modules())
    with ExitStack() as stack:
        spies = {
            (path, method): stack.enter_context(
                mock.patch.object(modules[path], method, wraps=getattr(modules[path], method))
            )
            for path, method in PARTS
            if path in modules
        }
        training.step()
    return {part: spy.call_args for part, spy in spies.items()}


def replay(method: Callable, args: tuple, kwargs: dict, with_backward: bool) -> None:
    """Run a method of a module again on what it was given; backward from ones."""
    with torch.set_grad_enabled(with_backward):
        out = method(*(fresh(value, with_backward) for value in args), **kwargs)
        if with_backward:
            out = out[0] if isinstance(out, tuple) else out
            out.backward(torch.ones_like(out))
    method.__self__.zero_grad()


def fresh(value: object, with_gradient: bool) -> object:
    """The same values, at the beginning of a graph of their own."""
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return value
    return value.detach().requires_grad_(with_gradient)


if __name__ == "__main__":
    sys.exit(main())
