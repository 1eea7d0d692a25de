"""Audit pose stores before training: write a page with pictures, and the same as JSON.

    python tools/data/audit.py train.safetensors val.safetensors --out work_dirs/audit
    python tools/data/audit.py train.safetensors val.safetensors --out work_dirs/audit \
        --benchmark wlasl --split-file nslt_100.json nslt_300.json

The audit reports missing clips of the official lists, duplicates within and across labels and
splits, signers in several splits, absent hands, clip lengths, class balance, coordinates, tracking
errors, and random samples.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from masa_mm.datasets.benchmarks import BENCHMARKS
from masa_mm.errors import UserError, allow_any_output, print_error
from masa_mm.option_checks import count, seed
from masa_mm.preparation.audit import AuditError, audit, official_parts, open_clips, write_report
from masa_mm.preparation.audit.near_duplicates import CERTAIN, UNCERTAIN


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Audit pose stores before training")
    parser.add_argument("stores", nargs="+", metavar="STORE", help=".safetensors file of a split")
    parser.add_argument("--out", required=True, help="folder of audit.html and audit.json")
    parser.add_argument("--benchmark", choices=BENCHMARKS, help="benchmark of the official lists")
    parser.add_argument(
        "--split-file",
        nargs="+",
        default=[],
        metavar="LIST",
        help="official lists, such as nslt_300.json; 'MSASL_{split}.json' for one file per split",
    )
    parser.add_argument("--class-list", help="file of class names in the order of their labels")
    parser.add_argument("--subset", type=count, help="number of classes of the benchmark's subset")
    parser.add_argument(
        "--near",
        type=float,
        default=CERTAIN,
        help="difference below which two clips are one recording, in hand radii (default: "
        "%(default)s)",
    )
    parser.add_argument("--samples", type=int, default=20, help="clips to draw (default: 20)")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the samples (default: 0)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the audit; return the exit code."""
    allow_any_output()
    args = parse_args(argv)
    try:
        _check(args)
        clips = open_clips(args.stores)
        official = (
            official_parts(clips, args.benchmark, args.split_file, args.class_list, args.subset)
            if args.benchmark
            else []
        )
        results = audit(clips, official, args.near, args.samples, args.seed, _progress)
        _progress("report")
        report = write_report(clips, results, args.out)
    except (OSError, UserError) as error:
        print_error(error)
        return 1
    for check, section in report.sections:
        print(f"{'!' if section.alarm else ' '} {check.title}: {section.summary}")
    print("", report.page, report.data, *report.lists, sep="\n")
    return 0


def _check(args: argparse.Namespace) -> None:
    if bool(args.benchmark) != bool(args.split_file):
        raise AuditError("--benchmark and --split-file go together; give both or neither")
    if not 0 < args.near <= UNCERTAIN:
        raise AuditError(
            f"--near is a difference in hand radii above 0 and up to {UNCERTAIN}, got {args.near}"
        )
    if args.samples < 0:
        raise AuditError(f"--samples cannot be {args.samples}; give the number of clips to draw")


def _progress(step: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{step} ...", end="" if step != "report" else "\n", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
