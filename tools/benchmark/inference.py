"""Measure recognisers: latency and throughput, several views of a clip, and a finetuning step.

    python tools/benchmark/inference.py                            # tiny and base, 32 frames
    python tools/benchmark/inference.py --frames whole             # all 30 to 150 frames
    python tools/benchmark/inference.py --networks tiny --precision bfloat16

Network, optimizer and pipelines are those of a finetuning config, with random weights. Clips are
seeded and collated in advance. A prediction is a test step: from the batch to the class scores of
each clip; "metric" is the evaluator's time for them. R and FLOPs are those of pretrain_step.py. On
a shared machine use OMP_NUM_THREADS=1 and --clock cpu.
"""

from __future__ import annotations

import argparse
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
from mmaction.registry import METRICS, MODELS
from mmengine.optim import build_optim_wrapper
from mmengine.structures import BaseDataElement

from masa_mm.option_checks import count
from masa_mm.structures import SignDataSamples

CONFIGS = common.ROOT / "configs"
NETWORKS = dict(
    tiny=CONFIGS / "wlasl_hands" / "masa_scratch_tiny_300.py",
    base=CONFIGS / "masa_finetune_wlasl300.py",
)


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark."""
    return common.run(measure, parse_args(argv))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = common.make_parser(__doc__, config=None)
    common.add_clock(parser)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument(
        "--frames",
        choices=("crop", "whole"),
        default="crop",
        help="the config's 32 frames, or all frames of a clip",
    )
    parser.add_argument("--batch-sizes", nargs="+", type=count, default=[1, 8, 32])
    parser.add_argument("--train-batch", type=count, default=32, help="clips of a finetuning step")
    parser.add_argument(
        "--views", type=count, default=10, help="views of a clip in multi-view tests"
    )
    parser.add_argument("--multi-view-clips", type=count, default=4, help="clips of these tests")
    parser.add_argument("--repeats", type=count, default=3, help="timed runs of each figure")
    args = parser.parse_args(argv)
    common.check_clock(parser, args)
    if min([*args.batch_sizes, args.train_batch, args.views, args.repeats]) < 1:
        parser.error("sizes and --repeats must be 1 or more")
    return args


def measure(args: argparse.Namespace) -> None:
    """Print a table for each network."""
    for name in args.networks:
        recognition = Recognition(NETWORKS[name], args)
        print(f"\n{name}, {args.precision}, frames: {args.frames}")
        common.print_table(rows(recognition, args))
    print(f"peak memory {common.peak_memory() / 1e9:.2f} GB")


class Recognition:
    """A recogniser, its metric and its clips, built from a config.

    Args:
        config (Path): A finetuning config.
        args (argparse.Namespace): The command line.
    """

    def __init__(self, config: Path, args: argparse.Namespace) -> None:
        self.args = args
        self.config = common.read_config(config, args.cfg_options)
        self.config.model.backbone.pop("init_cfg", None)
        torch.manual_seed(args.seed)
        self.model = MODELS.build(self.config.model)
        self.metric = METRICS.build(self.config.test_evaluator)

    def batch(self, size: int, views: int = 1, training: bool = False) -> dict:
        """Collate a batch of seeded clips."""
        loader = self.config.train_dataloader if training else self.config.test_dataloader
        whole = dict(common.WHOLE, short="keep") if self.args.frames == "whole" else {}
        lengths = common.clip_lengths(size, self.args.seed, size)
        with tempfile.TemporaryDirectory() as folder:
            path = common.write_clips(Path(folder) / "clips.safetensors", lengths, self.args.seed)
            dataset = common.build_dataset(loader, path, num_clips=views, **whole)
            np.random.seed(self.args.seed)
            packed = [dataset[number] for number in range(size)]
        return common.collate_function(loader)(packed)

    def predict(self, batch: dict) -> SignDataSamples:
        """Run a test step on a batch."""
        amp = torch.autocast("cpu", torch.bfloat16, enabled=self.args.precision == "bfloat16")
        with torch.no_grad(), amp:
            return self.model.eval().test_step(batch)

    def predict_view_by_view(self, batch: dict) -> None:
        """Run a test step on each view of a batch in turn."""
        for view in batch["inputs"]["keypoint"].split(1, dim=1):
            self.predict(dict(inputs=dict(keypoint=view), data_samples=batch["data_samples"]))

    def evaluate(self, samples: SignDataSamples) -> None:
        """Pass predictions to the metric as mmengine's evaluator does."""
        dicts = [s.to_dict() if isinstance(s, BaseDataElement) else s for s in samples]
        self.metric.process(None, dicts)

    def train_step(self) -> Callable[[], object]:
        """Return a finetuning step on a batch."""
        options = dict(self.config.optim_wrapper)
        if self.args.precision == "bfloat16":
            options.update(type="AmpOptimWrapper", dtype="bfloat16")
        wrapper = build_optim_wrapper(self.model, options)
        batch = self.batch(self.args.train_batch, training=True)
        return lambda: self.model.train().train_step(batch, wrapper)


def rows(recognition: Recognition, args: argparse.Namespace) -> Iterator[Row]:
    """Measure a network."""
    rate = common.MatmulRate(args.clock)
    rate.sample()
    parameters = sum(value.numel() for value in recognition.model.parameters())
    yield "parameters", f"{parameters / 1e6:.1f} M"
    yield "R", f"{rate.median / 1e9:.1f} GFLOP/s"
    for size in args.batch_sizes:
        batch = recognition.batch(size)
        yield f"batch {size}, frames", common.describe_frames([batch])
        predict = partial(recognition.predict, batch)
        yield f"batch {size}", speed_and_cost(predict, size, rate.median, args)
    evaluate = partial(recognition.evaluate, recognition.predict(batch))
    (times,) = time_in_turns([evaluate], args)
    yield "metric", f"{1e6 * statistics.median(times) / size:.0f} us a clip"
    yield from view_rows(recognition, args)
    size = args.train_batch
    step = recognition.train_step()
    yield f"finetuning step of {size}", speed_and_cost(step, size, rate.median, args)


def view_rows(recognition: Recognition, args: argparse.Namespace) -> Iterator[Row]:
    """Compare one forward pass over all views of a batch with a loop over them."""
    batch = recognition.batch(args.multi_view_clips, args.views)
    actions = [
        partial(recognition.predict, batch),
        partial(recognition.predict_view_by_view, batch),
    ]
    names = ("one forward", "a loop over the views")
    for name, times in zip(names, time_in_turns(actions, args)):
        yield f"{args.views} views, {name}", speed(times, args.multi_view_clips)


def speed_and_cost(
    action: Callable[[], object], size: int, rate: float, args: argparse.Namespace
) -> str:
    """Speed of an action on ``size`` clips, its FLOPs, and the share of R."""
    flops = common.count_flops(action)
    (times,) = time_in_turns([action], args)
    share = 100 * flops / statistics.median(times) / rate
    return f"{speed(times, size)}; {flops / size / 1e9:.1f} GFLOP a clip, {share:.0f} % of R"


def time_in_turns(
    actions: list[Callable[[], object]], args: argparse.Namespace
) -> list[list[float]]:
    """Seconds of each action, run in turns after an untimed run of each."""
    for action in actions:
        action()
    turns = [[common.seconds(a, args.clock) for a in actions] for _ in range(args.repeats)]
    return [list(times) for times in zip(*turns)]


def speed(times: list[float], size: int) -> str:
    """Clips per second, and milliseconds for the batch."""
    in_ms = [1e3 * value for value in times]
    median = statistics.median(in_ms)
    return f"{1e3 * size / median:.3g} clips/s; {median:.4g} ms ({common.spread(in_ms)})"


if __name__ == "__main__":
    sys.exit(main())
