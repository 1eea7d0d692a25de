"""How fast recognisers are: latency of a clip, throughput, several views, a finetuning step.

    python tools/benchmark/inference.py                            # tiny and base, 32 frames
    python tools/benchmark/inference.py --frames whole             # all 30 to 150 frames
    python tools/benchmark/inference.py --networks tiny --precision bfloat16
    python tools/benchmark/inference.py --networks base --profile  # which operator does

Network, optimizer and pipelines are those of a finetuning config, with random weights. Clips are
seeded and lie ready as collated batches; a prediction is what testing does with one, from the
batch to the scores of each clip, and ``metric`` is what the evaluator adds. Padding computed and
left out, views together and in a loop are measured in turns. R and FLOPs are as in
pretrain_step.py, and on a machine shared with other work use OMP_NUM_THREADS=1 and ``--clock cpu``
as there.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

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
from mmaction.registry import DATASETS, METRICS, MODELS
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import BaseDataElement
from pretrain_step import describe_frames, read_config, whole_clips
from synthetic_clips import clip_lengths, write_clips
from torch import nn

import masa_mm  # noqa: F401  (registers what configs name)
from masa_mm.errors import UserError
from masa_mm.structures import SignDataSamples

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = dict(
    tiny=ROOT / "configs" / "wlasl_hands" / "masa_scratch_tiny_300.py",
    base=ROOT / "configs" / "masa_finetune_wlasl300.py",
)
PRECISIONS = ("float32", "bfloat16")


def main(argv: list[str] | None = None) -> int:
    """Measure and print, network by network."""
    args = parse_args(argv)
    init_default_scope("mmaction")
    print(machine(), flush=True)
    return reported(lambda: measure(args))


def measure(args: argparse.Namespace) -> None:
    """Print what was asked for, network by network."""
    for name in args.networks:
        recognition = Recognition(NETWORKS[name], args)
        print(f"\n{name}, {args.precision}, frames: {args.frames}")
        if args.profile:
            batch = recognition.batch(args.batch_sizes[-1])
            print(operators(partial(recognition.predict, batch), args.rows))
        else:
            print_table(rows(recognition, args))
    print(f"peak memory {peak_memory() / 1e9:.2f} GB")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument(
        "--frames", choices=("crop", "whole"), default="crop", help="the config's 32, or all"
    )
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--train-batch", type=int, default=32, help="clips of a finetuning step")
    parser.add_argument("--views", type=int, default=10, help="of each clip in multi-view testing")
    parser.add_argument("--multi-view-clips", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--profile", action="store_true", help="print the operators of a forward")
    parser.add_argument("--rows", type=int, default=30, help="of the profile")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--cfg-options", nargs="+", default=[], metavar="KEY=VALUE", help="change the config"
    )
    args = parser.parse_args(argv)
    refuse_cpu_clock_of_threads(parser, args)
    if min([*args.batch_sizes, args.train_batch, args.views, args.repeats]) < 1:
        parser.error("sizes and --repeats must be 1 or more")
    return args


# ---- what is measured --------------------------------------------------------------------------


class Recognition:
    """A recogniser, its metric, and clips, as a config says.

    Args:
        config (Path): Of a finetuning.
        args (argparse.Namespace): The command line.
    """

    def __init__(self, config: Path, args: argparse.Namespace) -> None:
        self.args = args
        self.config = read_config(str(config), args.cfg_options)
        self.config.model.backbone.pop("init_cfg", None)
        torch.manual_seed(args.seed)
        self.model = MODELS.build(self.config.model)
        self.metric = METRICS.build(self.config.test_evaluator)

    def batch(self, size: int, views: int = 1, training: bool = False) -> dict:
        """A collated batch of seeded clips."""
        loader = self.config.train_dataloader if training else self.config.test_dataloader
        pipeline = [self._sampling(step, views) for step in loader.dataset.pipeline]
        lengths = clip_lengths(size, self.args.seed, size)
        with tempfile.TemporaryDirectory() as folder:
            path = write_clips(Path(folder) / "clips.safetensors", lengths, self.args.seed)
            dataset = DATASETS.build(dict(type="SignPoseDataset", ann_file=path, pipeline=pipeline))
            np.random.seed(self.args.seed)
            packed = [dataset[number] for number in range(size)]
        return collate_function(loader)(packed)

    def _sampling(self, step: dict, views: int) -> dict:
        if step["type"] != "SampleSignFrames":
            return step
        step = {**step, "num_clips": views}
        if self.args.frames == "crop":
            return step
        return {**whole_clips(step), "short": "keep"}

    def autocast(self) -> AbstractContextManager:
        """The precision that was asked for."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.args.precision == "bfloat16")

    def predict(self, batch: dict, model: nn.Module | None = None) -> SignDataSamples:
        """Test a batch, as the test loop does."""
        model = (model or self.model).eval()
        with torch.no_grad(), self.autocast():
            return model.test_step(batch)

    def predict_view_by_view(self, batch: dict) -> list[torch.Tensor]:
        """Scores of each view, in a loop over the views."""
        views = batch["inputs"]["keypoint"].unbind(1)
        found = []
        for view in views:
            one = dict(inputs=dict(keypoint=view[:, None]), data_samples=batch["data_samples"])
            found.append(class_scores(self.predict(one)))
        return found

    def train(self) -> Callable[[], object]:
        """A step of finetuning on a batch."""
        settings = dict(self.config.optim_wrapper)
        if self.args.precision == "bfloat16":
            settings.update(type="AmpOptimWrapper", dtype="bfloat16")
        wrapper = build_optim_wrapper(self.model, settings)
        batch = self.batch(self.args.train_batch, training=True)
        return lambda: self.model.train().train_step(batch, wrapper)

    def all_frames(self) -> nn.Module:
        """The same network with the same weights that computes every frame, padding too."""
        backbone = {**self.config.model.backbone, "type": "MaskTokenEncoder"}
        model = MODELS.build({**self.config.model, "backbone": backbone})
        missing, unexpected = model.load_state_dict(self.model.state_dict(), strict=False)
        if missing != ["backbone.mask_token"] or unexpected:
            raise UserError(f"weights do not fit: {missing}, {unexpected}")
        return model


def class_scores(samples: SignDataSamples) -> torch.Tensor:
    """Scores [N, classes] of predictions."""
    return torch.stack([sample.pred_score for sample in samples])


def as_evaluated(samples: SignDataSamples) -> list[dict]:
    """Predictions as mmengine's evaluator hands them to metrics."""
    return [
        sample.to_dict() if isinstance(sample, BaseDataElement) else sample for sample in samples
    ]


# ---- rows --------------------------------------------------------------------------------------


def rows(recognition: Recognition, args: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Measure a network."""
    rate = MatmulRate(args.clock)
    rate.sample()
    parameters = sum(value.numel() for value in recognition.model.parameters())
    yield "parameters", f"{parameters / 1e6:.1f} M"
    yield "R", f"{gflops(rate.median)} GFLOP/s"
    for size in args.batch_sizes:
        yield from forward_rows(recognition, size, rate.median)
    if args.frames == "whole":
        yield from padding_rows(recognition, args.batch_sizes[-1])
    yield from metric_rows(recognition, args.batch_sizes[-1])
    yield from view_rows(recognition)
    yield from training_rows(recognition, rate.median)


def forward_rows(recognition: Recognition, size: int, rate: float) -> Iterator[tuple[str, str]]:
    """Batches of a size."""
    batch = recognition.batch(size)
    yield f"batch {size}, frames", describe_frames([batch])
    predict = partial(recognition.predict, batch)
    flops = count_flops(predict)
    times = in_turns(dict(predict=predict), recognition.args)["predict"]
    share = 100 * flops / statistics.median(times) / rate
    costs = f"{gflops(flops / size)} GFLOP a clip, {share:.0f} % of R"
    yield f"batch {size}", f"{pace(times, size)}; {costs}"


def padding_rows(recognition: Recognition, size: int) -> Iterator[tuple[str, str]]:
    """Padding left out against padding computed."""
    batch, model = recognition.batch(size), recognition.all_frames()
    ways = {
        "padding left out": partial(recognition.predict, batch),
        "padding computed": partial(recognition.predict, batch, model),
    }
    for name, times in in_turns(ways, recognition.args).items():
        yield f"batch {size}, {name}", pace(times, size)


def metric_rows(recognition: Recognition, size: int) -> Iterator[tuple[str, str]]:
    """What the metric takes of a batch's predictions."""
    samples = recognition.predict(recognition.batch(size))
    ways = dict(metric=lambda: recognition.metric.process(None, as_evaluated(samples)))
    times = in_turns(ways, recognition.args)["metric"]
    yield "metric", f"{1e6 * statistics.median(times) / size:.0f} us a clip"


def view_rows(recognition: Recognition) -> Iterator[tuple[str, str]]:
    """All views of a batch at once against a loop over them."""
    args = recognition.args
    batch = recognition.batch(args.multi_view_clips, args.views)
    ways = {
        "one forward": partial(recognition.predict, batch),
        "a loop over the views": partial(recognition.predict_view_by_view, batch),
    }
    for name, times in in_turns(ways, args).items():
        yield f"{args.views} views, {name}", pace(times, args.multi_view_clips)
    together = class_scores(recognition.predict(batch)).float()
    one_by_one = torch.stack(recognition.predict_view_by_view(batch)).float().mean(0)
    apart = (together - one_by_one).abs().max() / one_by_one.abs().max()
    yield f"{args.views} views, scores differ by", f"{apart:.1g} of the greatest"


def training_rows(recognition: Recognition, rate: float) -> Iterator[tuple[str, str]]:
    """A finetuning step."""
    args = recognition.args
    train = recognition.train()
    flops = count_flops(train)
    times = in_turns(dict(train=train), args)["train"]
    share = 100 * flops / statistics.median(times) / rate
    costs = f"{flops / 1e12:.3f} TFLOP, {share:.0f} % of R"
    yield f"finetuning step of {args.train_batch}", f"{pace(times, args.train_batch)}; {costs}"


def in_turns(
    ways: dict[str, Callable[[], object]], args: argparse.Namespace
) -> dict[str, list[float]]:
    """Seconds of each way, by turns, after one of each that does not count."""
    for action in ways.values():
        action()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(args.repeats):
        for name, action in ways.items():
            times[name].append(seconds(action, args.clock))
    return times


def pace(times: list[float], size: int) -> str:
    """Clips a second and how long the batch took."""
    took = statistics.median(times)
    in_ms = [1e3 * value for value in times]
    return f"{size / took:.3g} clips/s; {1e3 * took:.4g} ms ({spread(in_ms)})"


if __name__ == "__main__":
    sys.exit(main())
