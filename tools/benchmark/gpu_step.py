"""Measure a pretraining step on a GPU by batch size, precision and compilation.

    python tools/benchmark/gpu_step.py --peak float32=67 tf32=494 bfloat16=989     # TFLOP/s
    python tools/benchmark/gpu_step.py --batch-sizes 64 512 --precisions bfloat16 --compile yes
    python tools/benchmark/gpu_step.py --compare 200          # losses in float32 and in bfloat16

A step is one training iteration: the copy from pinned memory, both branches, losses, backward
pass, optimizer, momentum update and memory bank. Steps are timed in a row between two
synchronisations, so the host can run ahead of the device as in training. Batches are seeded and
prepared on the host in advance. FLOPs are those of matrix products and attention, counted once in
float32 without compilation; recomputed attention counts. They are compared with R, the rate of a
product of two square matrices in the same precision, and with the peak of the device given by
--peak (MFU). Without a GPU the script runs on the CPU; choose small sizes there.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
from collections.abc import Iterator
from functools import partial
from itertools import product

import common
import torch
from common import Row
from mmengine.config import Config
from pretrain_step import Training, add_batches, make_batches

from masa_mm.engine.hooks.compile_hook import compile_modules
from masa_mm.option_checks import count

CONFIG = common.ROOT / "configs" / "masa_pretrain_wlasl_gpu.py"
# Name -> dtype of matrix products, and torch's float32_matmul_precision.
PRECISIONS = dict(
    float32=(torch.float32, "highest"),
    tf32=(torch.float32, "high"),
    bfloat16=(torch.bfloat16, "highest"),
)
COMPILE = dict(no=False, yes=True)
# Side of the matrices of R.
MATMUL_SIZE = dict(cuda=8192, cpu=2048)
REPEATS = 3
WINDOW = 20  # steps


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark."""
    args = parse_args(argv)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    cuda = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if cuda else "no GPU, on the CPU"
    print(name, end="; ")
    return common.run(partial(measure, device=device), args)


def measure(args: argparse.Namespace, device: torch.device) -> None:
    """Print the table of speeds or the comparison of losses."""
    config = common.read_config(args.config, args.cfg_options)
    if args.compare:
        common.print_table(comparison_rows(config, args, device), COMPARISON_HEAD)
    else:
        common.print_table(speed_rows(config, args, device), SPEED_HEAD)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = common.make_parser(__doc__, CONFIG)
    add_batches(parser)
    common.add_clock(parser)
    parser.add_argument("--batch-sizes", type=count, nargs="+", default=[64, 128, 256, 512])
    parser.add_argument("--precisions", choices=PRECISIONS, nargs="+", default=list(PRECISIONS))
    parser.add_argument("--compile", choices=COMPILE, nargs="+", default=list(COMPILE))
    parser.add_argument(
        "--peak",
        nargs="+",
        default=[],
        metavar="PRECISION=TFLOPS",
        help="peak rates of the device by its data sheet, for the MFU",
    )
    parser.add_argument("--steps", type=count, default=20, help="steps timed in a row, three times")
    parser.add_argument(
        "--compare",
        type=count,
        metavar="STEPS",
        help="compare float32 and bfloat16 losses instead",
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


class PrecisionTraining(Training):
    """A training on a device in one of :data:`PRECISIONS`, with the deferred loss check."""

    def __init__(
        self, config: Config, batches: list[dict], device: torch.device, precision: str, seed: int
    ) -> None:
        dtype, matmul = PRECISIONS[precision]
        torch.set_float32_matmul_precision(matmul)
        super().__init__(config.model, with_dtype(config, dtype), batches, seed, device)
        self.model.finite_check.deferred = True
        self.device = device

    def run(self, steps: int) -> None:
        """Run steps and wait until the device has finished them."""
        for _ in range(steps):
            self.step()
        synchronize(self.device)


def with_dtype(config: Config, dtype: torch.dtype) -> dict:
    """Return the optimizer wrapper of a config for matrix products of a dtype."""
    wrapper = copy.deepcopy(dict(config.optim_wrapper))
    for name in ("dtype", "loss_scale"):
        wrapper.pop(name, None)
    if dtype is torch.float32:
        return wrapper | dict(type="OptimWrapper")
    return wrapper | dict(type="AmpOptimWrapper", dtype=dtype, loss_scale=dict(enabled=False))


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def host_batches(
    config: Config, args: argparse.Namespace, batch_size: int, device: torch.device
) -> list[dict]:
    """Make batches on the host, in pinned memory where there is a GPU."""
    batches = make_batches(config, args, batch_size)
    if device.type != "cuda":
        return batches
    return [torch.utils.data._utils.pin_memory.pin_memory(batch) for batch in batches]


def matmul_rate(device: torch.device, precision: str, clock: str) -> float:
    """R: the rate in FLOP/s of a product of two square matrices in a precision."""
    dtype, matmul = PRECISIONS[precision]
    torch.set_float32_matmul_precision(matmul)
    side = MATMUL_SIZE[device.type]
    factors = [torch.rand(side, side, device=device, dtype=dtype) for _ in range(2)]
    out = torch.empty_like(factors[0])

    def multiply() -> None:
        torch.mm(*factors, out=out)
        synchronize(device)

    multiply()
    return 2 * side**3 / statistics.median(common.seconds(multiply, clock) for _ in range(5))


# ---- speed -------------------------------------------------------------------------------------

SPEED_HEAD = (
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


def speed_rows(config: Config, args: argparse.Namespace, device: torch.device) -> Iterator[Row]:
    """Measure each combination of batch size, precision and compilation."""
    rates = {name: matmul_rate(device, name, args.clock) for name in args.precisions}
    for size in args.batch_sizes:
        batches = host_batches(config, args, size, device)
        plain = PrecisionTraining(config, batches, device, "float32", args.seed)
        flops = statistics.mean(common.count_flops(plain.step) for _ in batches)
        del plain
        for precision, compiled in product(args.precisions, args.compile):
            case = (str(size), precision, compiled)
            training = PrecisionTraining(config, batches, device, precision, args.seed)
            torch._dynamo.reset()
            if COMPILE[compiled]:
                compile_modules(training.model, dynamic=True)
            try:
                yield case + measure_case(training, flops, rates[precision], precision, args)
            except torch.cuda.OutOfMemoryError:
                yield case + ("does not fit", *[""] * (len(SPEED_HEAD) - len(case) - 1))
            del training


def measure_case(
    training: PrecisionTraining, flops: float, rate: float, precision: str, args: argparse.Namespace
) -> Row:
    """Time steps after a warm-up of two passes over all batches."""
    cuda, peak = training.device.type == "cuda", args.peak.get(precision)
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(training.device)
    before = compiled_programs()
    training.run(2 * len(training.batches))
    warm = compiled_programs()
    steps = partial(training.run, args.steps)
    times = [common.seconds(steps, args.clock) / args.steps for _ in range(REPEATS)]
    median = statistics.median(times)
    per_second = len(training.batch()["inputs"]["keypoint"]) / median
    memory = torch.cuda.max_memory_allocated(training.device) if cuda else common.peak_memory()
    return (
        f"{per_second:.4g}",
        f"{per_second * common.mean_frames(training.batches):.4g}",
        f"{1e3 * median:.4g} ({1e3 * min(times):.4g} to {1e3 * max(times):.4g})",
        f"{flops / 1e12:.3g}",
        f"{100 * flops / median / rate:.0f} % of {rate / 1e12:.3g} TFLOP/s",
        f"{100 * flops / median / peak:.0f} %" if peak else "not given",
        f"{memory / 1e9:.2f} GB",
        f"{warm - before}, {compiled_programs() - warm}",
    )


def compiled_programs() -> int:
    """Number of programs that torch has compiled so far."""
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


# ---- float32 and bfloat16 ----------------------------------------------------------------------

COMPARISON_HEAD = (
    "loss",
    "steps",
    "float32",
    "bfloat16",
    "apart",
    f"apart at most, {WINDOW} steps",
)


def comparison_rows(
    config: Config, args: argparse.Namespace, device: torch.device
) -> Iterator[Row]:
    """Train in both precisions from the same weights on the same batches; compare the losses."""
    batches = host_batches(config, args, args.batch_sizes[0], device)
    losses = {
        name: train_losses(PrecisionTraining(config, batches, device, name, args.seed), args)
        for name in ("float32", "bfloat16")
    }
    for name, exact in losses["float32"].items():
        yield name, str(args.compare), *compare(exact, losses["bfloat16"][name])


def train_losses(training: PrecisionTraining, args: argparse.Namespace) -> dict[str, torch.Tensor]:
    """Train and return each loss of all steps, float64 [steps]."""
    if "yes" in args.compile:
        compile_modules(training.model, dynamic=True)
    steps = [training.step() for _ in range(args.compare)]
    training.model.finite_check.settle()
    return {
        name: torch.stack([step[name].detach() for step in steps]).double().cpu()
        for name in steps[0]
        if "loss" in name
    }


def compare(exact: torch.Tensor, other: torch.Tensor) -> Row:
    """Compare two losses: their means, the relative difference, and its maximum over windows."""
    windows = [torch.stack([part.mean() for part in loss.split(WINDOW)]) for loss in (exact, other)]
    difference = relative_difference(exact.mean(), other.mean())
    return (
        f"{exact.mean():.5g}",
        f"{other.mean():.5g}",
        f"{100 * difference:.2f} %",
        f"{100 * relative_difference(*windows).max():.2f} %",
    )


def relative_difference(exact: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Relative difference; 0 where both are 0."""
    return torch.where(exact == other, 0.0, (other - exact).abs() / exact.abs())


if __name__ == "__main__":
    sys.exit(main())
