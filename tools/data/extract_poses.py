"""Extract poses from videos into a pose store.

    python tools/data/extract_poses.py videos/ --out data/mine.safetensors --estimator mediapipe
    python tools/data/extract_poses.py videos/ --out data/wlasl/wlasl_train.safetensors \
        --estimator rtmlib --benchmark wlasl --list WLASL_v0.3.json --split train

An interrupted run resumes where it stopped. The processes of torchrun or of a Slurm array share
the clips. If a video fails, the command names it, writes no store and exits with code 1. With
--skip-bad the store leaves it out.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from mmengine.config import DictAction
from mmengine.dist import barrier

from masa_mm.datasets.benchmarks import BENCHMARKS
from masa_mm.errors import UserError, allow_any_output, print_error, printable
from masa_mm.option_checks import above, at_least, option
from masa_mm.pose.store_format import DTYPES
from masa_mm.preparation.convert import add_crop_options, crop_rules
from masa_mm.preparation.extraction.clip_files import ClipFiles
from masa_mm.preparation.extraction.estimators import ESTIMATORS, PoseEstimator, build
from masa_mm.preparation.extraction.extract import (
    BOX_MARGIN,
    extract_share,
    find_failures,
    write_clips,
    write_failures,
)
from masa_mm.preparation.extraction.plan import Plan, plan_benchmark, plan_videos
from masa_mm.preparation.extraction.workers import Worker, join, leave
from masa_mm.preparation.part_counts import part_lines


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the options."""
    parser = argparse.ArgumentParser(description="Extract poses from videos into a pose store")
    parser.add_argument(
        "videos", nargs="+", help="videos, folders of images, or folders with either"
    )
    parser.add_argument("--out", required=True, help="the .safetensors file to write")
    parser.add_argument("--estimator", required=True, help=_estimator_names())
    parser.add_argument("--device", help="cpu, cuda or cuda:N; default: a GPU if there is one")
    parser.add_argument(
        "--estimator-options", nargs="+", action=DictAction, default={}, metavar="KEY=VALUE"
    )
    parser.add_argument("--import", dest="imports", nargs="+", default=[], metavar="MODULE")
    parser.add_argument("--poses", help="folder of the files of single clips; default: OUT.poses")
    _add_list(parser)
    parser.add_argument("--source-name", help="name of the dataset; default: the benchmark's")
    parser.add_argument("--fps", type=option(above(0)), help="frame rate of folders of images")
    parser.add_argument("--dtype", choices=DTYPES, default="float16")
    parser.add_argument(
        "--skip-bad", action="store_true", help="leave failed clips out of the store"
    )
    add_crop_options(parser)
    args = parser.parse_args(argv)
    if bool(args.benchmark) != bool(args.list) or (args.benchmark and not args.split):
        parser.error("a benchmark needs --benchmark, --list and --split together")
    return args


def _add_list(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("clips by an official list")
    group.add_argument("--benchmark", choices=BENCHMARKS, help="csv: your own list, a CSV file")
    group.add_argument("--list", metavar="FILE", help="WLASL_v0.3.json, MSASL_train.json, ...")
    group.add_argument("--split", default="", help="train, val or test")
    group.add_argument("--class-list", metavar="FILE", help="class names in the order of labels")
    group.add_argument("--no-boxes", action="store_true", help="use the whole image")
    group.add_argument(
        "--box-margin",
        type=option(at_least(0)),
        default=BOX_MARGIN,
        help="widen boxes on each side by this share of their longer side",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    allow_any_output()
    args = parse_args(argv)
    try:
        worker = join()
        exit_code = extract(args, worker)
        leave()
        return exit_code
    except (UserError, OSError) as error:
        print_error(error)
        return 1


def extract(args: argparse.Namespace, worker: Worker) -> int:
    """Extract this process's share of the clips; the last process to finish writes the store."""
    for module in args.imports:
        _import(module)
    plan = make_plan(args)
    if args.no_boxes:
        plan = plan._replace(jobs=[job._replace(box=None) for job in plan.jobs])
    with closing(make_estimator(args, worker)) as estimator:
        files = ClipFiles(
            args.poses or Path(args.out).with_suffix(".poses"), settings(args, estimator)
        )
        if worker.is_leader:
            describe(plan, files)
        extract_share(plan, files, estimator, worker, args.box_margin, args.fps)
    barrier()  # of torchrun's processes; the tasks of a Slurm array do not wait
    return finish(args, plan, files, worker, estimator.layout) if worker.is_leader else 0


def _import(module: str) -> None:
    """Import a module of ``--import``; errors of its own code keep their traceback."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise UserError(
            f"--import {module}: no such module; correct the name, or add its folder to PYTHONPATH"
        ) from None


def describe(plan: Plan, files: ClipFiles) -> None:
    """Print how many clips there are, done and missing."""
    print(f"{len(plan.jobs)} clips, {sum(files.is_done(job.id) for job in plan.jobs)} are done")
    if plan.missing:
        print(f"{len(plan.missing)} more of the list have no video, '{plan.missing[0]}' first")


def finish(
    args: argparse.Namespace, plan: Plan, files: ClipFiles, worker: Worker, layout: str
) -> int:
    """Write the store, or report why it cannot be written yet."""
    failures, num_untried = find_failures(plan, files, worker.run)
    if num_untried:
        print(f"{num_untried} clips are left to the other processes; the last one writes the store")
        return 0
    list_path = Path(args.out).with_suffix(".failed.txt")
    write_failures(list_path, failures)
    for failure in failures:
        print(printable(f"failed: {failure}"), file=sys.stderr)
    if failures and not args.skip_bad:
        print(
            f"{len(failures)} of {len(plan.jobs)} clips failed, see {list_path}; no store is "
            "written. Run the command again to retry them, or add --skip-bad to leave them out",
            file=sys.stderr,
        )
        return 1
    report = write_clips(
        plan,
        files,
        failures,
        args.out,
        layout,
        crop_rules(args),
        dtype=args.dtype,
        skip_bad=args.skip_bad,
    )
    for clip in report.skipped:
        print(f"skipped: {clip}")
    for line in part_lines(report, "--few-joints elbow_wrist keeps such hands"):
        print(line)
    print(
        f"{args.out}: {report.num_clips} clips, {report.num_frames} frames, {len(plan.glosses)} "
        "classes" + (f"; {len(report.skipped)} skipped" if report.skipped else "")
    )
    return 0


def make_plan(args: argparse.Namespace) -> Plan:
    """Plan the clips of an official list, or one clip for each video."""
    if not args.benchmark:
        return plan_videos(args.videos, args.source_name or "videos", args.split)
    plan = plan_benchmark(args.videos, args.benchmark, args.list, args.split, args.class_list)
    return plan._replace(source=args.source_name or plan.source)


def _estimator_names() -> str:
    return ", ".join(sorted(ESTIMATORS.module_dict))


def make_estimator(args: argparse.Namespace, worker: Worker) -> PoseEstimator:
    """Build the estimator on the device asked for, or on this process's GPU."""
    kind = ESTIMATORS.get(args.estimator)
    if kind is None:
        raise UserError(
            f"no estimator '{args.estimator}'; there are {_estimator_names()}; "
            "--import MODULE registers your own"
        )
    device = args.device
    if device is None:
        device = "cuda" if kind.on_gpu and torch.cuda.is_available() else "cpu"
    if device == "cuda":
        device = f"cuda:{worker.local_rank % max(1, torch.cuda.device_count())}"
    return build(args.estimator, device, args.estimator_options)


def settings(args: argparse.Namespace, estimator: PoseEstimator) -> dict[str, Any]:
    """Settings that all clips of a folder share."""
    return dict(
        estimator=args.estimator,
        options=args.estimator_options,
        layout=estimator.layout,
        benchmark=args.benchmark,
        box_margin=None if args.no_boxes or not args.benchmark else args.box_margin,
        fps=args.fps,
    )


if __name__ == "__main__":
    sys.exit(main())
