"""How fast a pretraining step is on a GPU, over batch size, precision and compilation.

    python tools/benchmark/gpu_step.py --peak float32=67 tf32=494 bfloat16=989     # TFLOP/s
    python tools/benchmark/gpu_step.py --batch-sizes 64 512 --precisions bfloat16 --compile yes
    python tools/benchmark/gpu_step.py --compare 200          # losses in float32 and in bfloat16

A step is what training does with a batch: copying it from page-locked memory, both branches,
losses, backward pass, optimizer, momentum copy and memory bank. Steps are timed in a row between
two synchronisations, so the host may run ahead as it does in training. Batches are seeded and lie
ready on the host. FLOPs are those of matrix products and attention, counted once in float32
without compilation; rematerialised attention counts. They are held against R, the rate of a
product of two square matrices in the same precision, measured in the same run, and against the
peak of the device where --peak gives it. Without a GPU it runs on the CPU, at sizes you choose.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import torch
from counting import count_flops, print_table
from machine import CLOCKS, machine, peak_memory, reported, seconds
from mmengine.config import Config
from mmengine.registry import init_default_scope
from pretrain_step import REFERENCE, ROOT, Training, make_batches, mean_frames, read_config

import masa_mm  # noqa: F401  (registers what configs name)
from masa_mm.engine.hooks.compile_hook import compile_modules

CONFIG = ROOT / "configs" / "masa_pretrain_wlasl_gpu.py"
# Name -> the numbers of matrix products, and torch's setting for those left in float32.
PRECISIONS = dict(
    float32=(torch.float32, "highest"),
    tf32=(torch.float32, "high"),
    bfloat16=(torch.bfloat16, "highest"),
)
COMPILE = dict(no=False, yes=True)
# Sides of the matrices of R.
_SIDE = dict(cuda=8192, cpu=2048)
_REPEATS = 3
_WINDOW = 20


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    args = parse_args(argv)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"{device_name(device)}; {machine()}", flush=True)
    init_default_scope("mmaction")
    return reported(lambda: measure(args, device))


def measure(args: argparse.Namespace, device: torch.device) -> None:
    """Print what was asked for."""
    config = read_config(args.config, args.cfg_options)
    if args.compare:
        print_table(comparison_rows(config, args, device), COMPARISON_HEAD)
    else:
        print_table(rows(config, args, device), HEAD)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=str(CONFIG), help="of a pretraining")
    parser.add_argument("--lengths", choices=REFERENCE, default="real", help="30..150 or all 64")
    parser.add_argument("--store", help="real clips instead, whole, of a pose store")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 128, 256, 512])
    parser.add_argument("--precisions", choices=PRECISIONS, nargs="+", default=list(PRECISIONS))
    parser.add_argument("--compile", choices=COMPILE, nargs="+", default=list(COMPILE))
    parser.add_argument(
        "--peak", nargs="+", default=[], metavar="PRECISION=TFLOPS", help="of the data sheet"
    )
    parser.add_argument("--batches", type=int, default=4, help="different ones, in turns")
    parser.add_argument("--steps", type=int, default=20, help="timed in a row, three times")
    parser.add_argument("--compare", type=int, metavar="STEPS", help="losses in two precisions")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--cfg-options", nargs="+", default=[], metavar="KEY=VALUE", help="change the config"
    )
    args = parser.parse_args(argv)
    if min(args.steps, args.batches, *args.batch_sizes) < 1:
        parser.error("--steps, --batches and --batch-sizes must be 1 or more")
    if args.clock == "cpu" and (torch.cuda.is_available() or torch.get_num_threads() > 1):
        parser.error("--clock cpu is for one thread of a CPU: set OMP_NUM_THREADS=1")
    try:
        args.peak = {name: 1e12 * float(value) for name, value in (p.split("=") for p in args.peak)}
    except ValueError:
        parser.error("--peak takes PRECISION=TFLOPS, such as bfloat16=989")
    if unknown := args.peak.keys() - PRECISIONS:
        parser.error(f"--peak: {', '.join(sorted(unknown))} is none of {', '.join(PRECISIONS)}")
    return args


# ---- what is measured --------------------------------------------------------------------------


class TrainingInPrecision(Training):
    """A training on a device in a precision, which looks for bad losses a step later.

    Args:
        config (Config): Of a pretraining.
        batches (list of dict): Collated, on the host.
        device (torch.device): Where to compute.
        precision (str): One of :data:`PRECISIONS`.
        seed (int): Of the weights.
    """

    def __init__(
        self, config: Config, batches: list[dict], device: torch.device, precision: str, seed: int
    ) -> None:
        dtype, products = PRECISIONS[precision]
        torch.set_float32_matmul_precision(products)
        super().__init__(config.model, in_precision(config, dtype), batches, seed, device)
        self.model.finite_check.deferred = True

    def run(self, steps: int) -> None:
        """Several steps, and wait until they are done."""
        for _ in range(steps):
            self.step()
        wait(next(self.model.parameters()).device)


def in_precision(config: Config, dtype: torch.dtype) -> dict:
    """The config's optim_wrapper for products of these numbers."""
    wrapper = copy.deepcopy(dict(config.optim_wrapper))
    for name in ("dtype", "loss_scale"):
        wrapper.pop(name, None)
    if dtype is torch.float32:
        return wrapper | dict(type="OptimWrapper")
    return wrapper | dict(type="AmpOptimWrapper", dtype=dtype, loss_scale=dict(enabled=False))


def wait(device: torch.device) -> None:
    """Until the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def batches_of(config: Config, args: argparse.Namespace, size: int, device: torch.device) -> list:
    """Seeded batches on the host, in page-locked memory where there is a GPU."""
    batches = make_batches(config, argparse.Namespace(**{**vars(args), "batch_size": size}))
    if device.type != "cuda":
        return batches
    pin = torch.utils.data._utils.pin_memory.pin_memory
    return [pin(batch) for batch in batches]


def product_rate(device: torch.device, precision: str, clock: str) -> float:
    """R: FLOP/s of a product of two square matrices."""
    dtype, products = PRECISIONS[precision]
    torch.set_float32_matmul_precision(products)
    side = _SIDE[device.type]
    factors = [torch.rand(side, side, device=device, dtype=dtype) for _ in range(2)]
    out = torch.empty_like(factors[0])

    def multiply() -> None:
        torch.mm(*factors, out=out)
        wait(device)

    multiply()
    return 2 * side**3 / statistics.median(seconds(multiply, clock) for _ in range(5))


def programs() -> int:
    """How many programs torch has compiled so far."""
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


# ---- the table ---------------------------------------------------------------------------------


class Case(NamedTuple):
    """A line of the table."""

    batch_size: int
    precision: str
    compiled: str


HEAD = (
    "clips a batch",
    "precision",
    "compiled",
    "clips/s",
    "real frames/s",
    "ms a step",
    "TFLOP a step",
    "of R",
    "of the peak (MFU)",
    "peak memory",
    "programs, compiled while timed",
)
COMPARISON_HEAD = (
    "loss",
    "steps",
    "float32",
    "bfloat16",
    "apart",
    f"apart at most, {_WINDOW} steps",
)


def rows(config: Config, args: argparse.Namespace, device: torch.device) -> Iterator[tuple]:
    """Measure each case."""
    rates = {name: product_rate(device, name, args.clock) for name in args.precisions}
    for size in args.batch_sizes:
        batches = batches_of(config, args, size, device)
        flops = step_flops(TrainingInPrecision(config, batches, device, "float32", args.seed))
        for precision, compiled in product(args.precisions, args.compile):
            case = Case(size, precision, compiled)
            training = TrainingInPrecision(config, batches, device, precision, args.seed)
            yield (*map(str, case), *measure_case(case, training, flops, rates[precision], args))
            del training


def step_flops(training: Training) -> float:
    """FLOPs of a step, the mean of all batches."""
    return statistics.mean(count_flops(training.step) for _ in training.batches)


def measure_case(
    case: Case, training: Training, flops: float, rate: float, args: argparse.Namespace
) -> tuple[str, ...]:
    """Time steps of a case, after each batch was seen once."""
    device = next(training.model.parameters()).device
    torch._dynamo.reset()
    before = programs()
    if COMPILE[case.compiled]:
        compile_modules(training.model, dynamic=True)
    reset_peak(device)
    try:
        training.run(2 * len(training.batches))
        warm = programs()
        times = [
            seconds(lambda: training.run(args.steps), args.clock) / args.steps
            for _ in range(_REPEATS)
        ]
    except torch.cuda.OutOfMemoryError:
        return ("does not fit", *[""] * (len(HEAD) - len(case) - 1))
    took = statistics.median(times)
    peak = args.peak.get(case.precision)
    return (
        f"{case.batch_size / took:.4g}",
        f"{case.batch_size / took * mean_frames(training.batches):.4g}",
        f"{1e3 * took:.4g} ({1e3 * min(times):.4g} to {1e3 * max(times):.4g})",
        f"{flops / 1e12:.3g}",
        f"{100 * flops / took / rate:.0f} % of {rate / 1e12:.3g} TFLOP/s",
        f"{100 * flops / took / peak:.0f} %" if peak else "not given",
        f"{peak_bytes(device) / 1e9:.2f} GB",
        f"{warm - before}, {programs() - warm}",
    )


def reset_peak(device: torch.device) -> None:
    """Forget the most memory that was used; a CPU's is that of the whole process."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: torch.device) -> float:
    """The most memory that was used on the device."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_memory()


# ---- float32 and bfloat16 ----------------------------------------------------------------------


def comparison_rows(
    config: Config, args: argparse.Namespace, device: torch.device
) -> Iterator[tuple]:
    """Train twice from the same weights on the same batches, and hold the losses together."""
    batches = batches_of(config, args, args.batch_sizes[0], device)
    losses = {
        name: train_losses(TrainingInPrecision(config, batches, device, name, args.seed), args)
        for name in ("float32", "bfloat16")
    }
    for name, exact in losses["float32"].items():
        yield name, str(args.compare), *compare(exact, losses["bfloat16"][name])


def train_losses(training: Training, args: argparse.Namespace) -> dict[str, torch.Tensor]:
    """The losses of steps, float64 [STEPS] each, fetched at the end."""
    if "yes" in args.compile:
        compile_modules(training.model, dynamic=True)
    steps = [training.step() for _ in range(args.compare)]
    training.model.finite_check.settle()
    return {
        name: torch.stack([step[name].detach() for step in steps]).double().cpu()
        for name in steps[0]
        if "loss" in name
    }


def compare(exact: torch.Tensor, other: torch.Tensor) -> tuple[str, ...]:
    """Means over all steps, how far they are apart, and the means of windows at most."""
    windows = [
        torch.stack([part.mean() for part in loss.split(_WINDOW)]) for loss in (exact, other)
    ]
    return (
        f"{exact.mean():.5g}",
        f"{other.mean():.5g}",
        percent(apart(exact.mean(), other.mean())),
        percent(apart(*windows).max()),
    )


def apart(exact: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """The relative difference; 0 where both are 0."""
    return torch.where(exact == other, 0.0, (other - exact).abs() / exact.abs())


# ---- common ------------------------------------------------------------------------------------


def percent(value: torch.Tensor) -> str:
    """A share of 1 in hundredths."""
    return f"{100 * value:.2f} %"


def device_name(device: torch.device) -> str:
    """What computes."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU, on the CPU"


if __name__ == "__main__":
    sys.exit(main())
