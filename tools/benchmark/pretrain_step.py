"""Measure a pretraining step against the machine's matmul rate and the authors' release.

    python tools/benchmark/pretrain_step.py                     # clips of 30 to 150 frames
    python tools/benchmark/pretrain_step.py --lengths full      # clips of 64 frames
    python tools/benchmark/pretrain_step.py --store data/wlasl_hands/wlasl_hands_train.safetensors
    python tools/benchmark/pretrain_step.py --parts             # time of each part of a step

A step is one training iteration: both branches, losses, backward pass, optimizer, momentum update
and memory bank. Batches are seeded and prepared in advance; data_path.py measures their loading.
R is the rate of a float32 matrix product of side 4096 on the same threads. It is measured before,
between and after the steps. A multiplication and an addition count as two FLOPs. On a shared
machine use OMP_NUM_THREADS=1 and --clock cpu.
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

import common
import numpy as np
import torch
from common import Row
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper

from masa_mm.errors import UserError
from masa_mm.option_checks import count


class Reference(NamedTuple):
    """Cost of the authors' release: FLOPs per clip, and the share of R at which it computes them.

    Measured on 2 cores with torch 2.13 in float32, in batches of 16 clips.
    """

    flops: float
    share: float

    def clips_per_second(self, rate: float) -> float:
        """Speed of the release on a machine of this matmul rate."""
        return self.share * rate / self.flops


# By the lengths of the clips.
REFERENCE = {"real": Reference(175e9, 0.5), common.FULL: Reference(73.9e9, 0.55)}


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark."""
    return common.run(measure, parse_args(argv))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = common.make_parser(__doc__)
    add_batches(parser)
    common.add_clock(parser)
    parser.add_argument("--batch-size", type=count, default=16)
    parser.add_argument("--steps", type=count, default=8, help="timed steps")
    parser.add_argument("--parts", action="store_true", help="measure the parts of a step too")
    args = parser.parse_args(argv)
    common.check_clock(parser, args)
    if args.steps < 1 or args.batches < 1:
        parser.error("--steps and --batches must be 1 or more")
    return args


def add_batches(parser: argparse.ArgumentParser) -> None:
    """Add the options of :func:`make_batches`."""
    parser.add_argument(
        "--lengths",
        type=parse_lengths,
        default="real",
        help="frames of seeded clips: real (30 to 150), full (64) or a number",
    )
    parser.add_argument("--store", help="use whole clips of this pose store instead")
    parser.add_argument("--batches", type=count, default=4, help="number of different batches")


def parse_lengths(text: str) -> str | int:
    """Parse ``--lengths``."""
    return dict(real="real", full=common.FULL).get(text) or int(text)


def measure(args: argparse.Namespace) -> None:
    """Measure what the command line asks for and print it."""
    config = common.read_config(args.config, args.cfg_options)
    batches = make_batches(config, args, args.batch_size)
    training = Training(config.model, config.optim_wrapper, batches, args.seed)
    training.step()  # allocates buffers and the optimizer's state
    common.print_table(step_rows(training, args))
    if args.parts:
        common.print_table(part_rows(training, args))


class Training:
    """A model, its optimizer and batches.

    Args:
        model (dict): Config of the model.
        optim_wrapper (dict): Config of the optimizer wrapper.
        batches (list of dict): Collated batches on the host, used in turns.
        seed (int): Seed of the weights.
        device (torch.device | str): Device of the model.
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
        self.update_key_encoder()
        self.steps = 0

    def update_key_encoder(self) -> None:
        """Update the momentum copy, if the model has one."""
        if self.model.alignment is not None:
            self.model.update_key_encoder()

    def batch(self) -> dict:
        """Return the next batch."""
        return self.batches[self.steps % len(self.batches)]

    def step(self) -> dict[str, torch.Tensor]:
        """Train on the next batch and return the logged losses."""
        logged = self.model.train_step(self.batch(), self.optim_wrapper)
        self.update_key_encoder()
        self.steps += 1
        return logged

    def losses(self) -> dict[str, torch.Tensor]:
        """Losses of the next batch, with gradients."""
        data = self.model.data_preprocessor(self.batch(), True)
        return self.model(**data, mode="loss")


def make_batches(config: Config, args: argparse.Namespace, batch_size: int) -> list[dict]:
    """Collate batches of whole clips by the config's own pipeline.

    Raises:
        UserError: If a store has too few clips.
    """
    count, loader = args.batches * batch_size, config.train_dataloader
    with tempfile.TemporaryDirectory() as folder:
        store = args.store
        if not store:
            if args.lengths == "real":
                lengths = common.clip_lengths(count, args.seed, batch_size)
            else:
                lengths = np.full(count, args.lengths)
            store = common.write_clips(Path(folder) / "clips.safetensors", lengths, args.seed)
        dataset = common.build_dataset(loader, store, **common.WHOLE)
        if len(dataset) < count:
            raise UserError(f"{store}: has {len(dataset)} clips, {count} are needed")
        order = np.arange(count)
        if args.store:
            order = np.random.default_rng(args.seed).permutation(len(dataset))[:count]
        np.random.seed(args.seed)
        packed = [dataset[number] for number in order.tolist()]
    collate = common.collate_function(loader)
    return [collate(packed[start : start + batch_size]) for start in range(0, count, batch_size)]


# ---- whole step --------------------------------------------------------------------------------


def step_rows(training: Training, args: argparse.Namespace) -> Iterator[Row]:
    """Measure steps, and R before, between and after them."""
    for _ in training.batches:
        training.step()
    memory = common.peak_memory()  # before the matrices of R are allocated
    flops = statistics.mean(common.count_flops(training.step) for _ in training.batches)
    times, rate = timed_with_rate(training.step, args)
    median = statistics.median(times)
    per_second, share = args.batch_size / median, flops / median / rate.median
    yield from describe_batches(training.batches)
    yield "R", f"{rate.median / 1e9:.1f} GFLOP/s ({common.spread(r / 1e9 for r in rate.rates)})"
    yield "step", f"{median:.2f} s ({common.spread(times)}), {args.clock} clock"
    yield "clips/s", f"{per_second:.2f}"
    yield "real frames/s", f"{per_second * common.mean_frames(training.batches):.0f}"
    clip_flops = flops / args.batch_size
    yield "FLOPs a step", f"{flops / 1e12:.3f} TFLOP, {clip_flops / 1e9:.1f} GFLOP a clip"
    yield "of R", f"{100 * share:.0f} %"
    yield "peak memory", f"{memory / 1e9:.2f} GB"
    if args.batch_size == 16 and args.lengths in REFERENCE and not args.store:
        ratio = per_second / REFERENCE[args.lengths].clips_per_second(rate.median)
        yield "against the reference at this R", f"{ratio:.1f} x its clips/s"
        yield "the same at full R", f"{ratio / share:.1f} x"


def timed_with_rate(
    action: Callable[[], object], args: argparse.Namespace
) -> tuple[list[float], common.MatmulRate]:
    """Time an action ``--steps`` times, with a sample of R before, between and after."""
    rate, times = common.MatmulRate(args.clock), []
    rate.sample()
    for _ in range(args.steps):
        times.append(common.seconds(action, args.clock))
        rate.sample()
    return times, rate


def describe_batches(batches: list[dict]) -> Iterator[Row]:
    """Numbers of clips and frames, and the share of frames that the mask leaves visible."""
    present = torch.cat([common.visible_frames(batch).flatten() for batch in batches])
    masked = torch.cat([batch["inputs"]["frame_mask"].any(-1).flatten() for batch in batches])
    unmasked = (present & ~masked).sum() / present.sum()
    yield "clips", f"{len(batches)} batches of {len(batches[0]['inputs']['keypoint'])}"
    yield "frames a clip", common.describe_frames(batches)
    yield "of these visible", f"{100 * unmasked:.0f} %"


# ---- parts of a step ---------------------------------------------------------------------------

# (submodule, method) -> (name of the row, whether the step runs its backward pass).
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


def part_rows(training: Training, args: argparse.Namespace) -> Iterator[Row]:
    """Measure each part as many times as steps."""
    for name, action in find_parts(training):
        action()
        flops = common.count_flops(action)
        times, rate = timed_with_rate(action, args)
        median = statistics.median(times)
        share = f", {flops / 1e9:.1f} GFLOP, {100 * flops / median / rate.median:.0f} % of R"
        yield name, f"{1e3 * median:.0f} ms{share if flops else ''}"


def find_parts(training: Training) -> Iterator[tuple[str, Callable[[], object]]]:
    """Run a step, record the inputs of each part, and make each part repeatable."""
    for (path, name), call in record_calls(training).items():
        row, with_backward = PARTS[path, name]
        method = getattr(training.model.get_submodule(path), name)
        yield row, partial(replay, method, call.args, call.kwargs, with_backward)
    training.losses()["loss_motion"].backward()
    yield "optimizer", training.optim_wrapper.optimizer.step
    if training.model.alignment is not None:
        yield "momentum copy", training.model.update_key_encoder


def record_calls(training: Training) -> dict[tuple[str, str], mock._Call]:
    """Record the arguments of each part of the model in a step."""
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
    """Run a module's method on recorded inputs, then the backward pass of the sum of its output."""
    with torch.set_grad_enabled(with_backward):
        out = method(*(detached(value, with_backward) for value in args), **kwargs)
        if with_backward:
            out = out[0] if isinstance(out, tuple) else out
            out.backward(torch.ones_like(out))
    method.__self__.zero_grad()


def detached(value: object, requires_grad: bool) -> object:
    """Detach a floating-point tensor from the recorded graph; return other values unchanged."""
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return value
    return value.detach().requires_grad_(requires_grad)


if __name__ == "__main__":
    sys.exit(main())
