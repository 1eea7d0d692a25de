"""Convert the poses of other tools to a pose store, or a pose store to a pose pickle.

    python tools/data/convert.py SOURCE INPUT OUTPUT.safetensors [options]
    python tools/data/convert.py store INPUT.safetensors OUTPUT.pkl

Each source has its own options, see convert.py SOURCE --help; docs/data/converters.md has examples.
Bad clips are named, one per line, and nothing is written. With --skip-bad they are left out, and
OUTPUT.skipped.csv says which and why.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from masa_mm.errors import UserError, allow_any_output, print_error, printable
from masa_mm.option_checks import FINITE, option
from masa_mm.pose.pose_pickle import store_to_pickle
from masa_mm.pose.skeleton import describe_joints, source_layout
from masa_mm.pose.store import PoseStore
from masa_mm.pose.store_format import DTYPES, BadClipsError
from masa_mm.pose.store_writer import WriteReport
from masa_mm.preparation.convert import (
    add_crop_options,
    convert,
    crop_rules,
    report_path,
)
from masa_mm.preparation.part_counts import part_lines
from masa_mm.sources import SOURCES, PoseSource

_KEEP_MORE_HANDS = (
    "--min-score lowers the score of a visible joint, --few-joints elbow_wrist keeps such hands"
)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; each source is a subcommand."""
    parser = argparse.ArgumentParser(
        description="Convert poses of other tools to a pose store, or a store to a pose pickle"
    )
    sources = parser.add_subparsers(dest="source", required=True, metavar="SOURCE")
    for source in SOURCES:
        entry = _entry(sources, source.name, source.text, "the .safetensors file to write")
        _add_common(entry)
        source.add_options(entry)
        entry.set_defaults(run=_convert, open=source.open)
    store = _entry(sources, "store", "a pose store, to MMAction2's pickle", "the .pkl to write")
    store.set_defaults(run=_pickle)
    return parser.parse_args(argv)


def _entry(sources, name: str, text: str, output: str) -> argparse.ArgumentParser:
    parser = sources.add_parser(name, help=text, description=text)
    parser.add_argument("input", help="the file or folder to convert")
    parser.add_argument("output", help=output)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--split", help="name of the split, and which one to take of a list or pickle"
    )
    parser.add_argument("--source-name", metavar="NAME", help="name of the dataset")
    parser.add_argument("--dtype", choices=DTYPES, default="float16")
    parser.add_argument(
        "--skip-bad", action="store_true", help="leave out bad clips and report them"
    )
    parser.add_argument(
        "--allow-missing", action="store_true", help="mark joints that the source lacks absent"
    )
    parser.add_argument(
        "--min-score",
        type=option(FINITE),
        metavar="SCORE",
        help="a joint is visible from this score on; default: as the source's page says",
    )
    add_crop_options(parser)
    parser.add_argument(
        "--pickle", metavar="OUT.pkl", help="also write MMAction2's annotations, in pixels"
    )


def _convert(args: argparse.Namespace) -> None:
    source = args.open(args)
    crop, options = crop_rules(args), (args.allow_missing, args.pickle, args.min_score)
    skipped = report_path(args.output) if args.skip_bad else None
    report = convert(source, args.output, args.dtype, args.skip_bad, crop, *options, skipped)
    _print_report(args, source, report)


def _print_report(args: argparse.Namespace, source: PoseSource, report: WriteReport) -> None:
    for clip in report.skipped:
        print(f"skipped: {clip}")
    for line in [*source.notes, *part_lines(report, _KEEP_MORE_HANDS)]:
        print(printable(line))
    if _may_count_from_one(args.output, source):
        print(
            "no clip has label 0: if the labels count from 1, all of them are off by one; "
            "count them from 0, or give --first-label 1 if the source has this option"
        )
    missing = source_layout(source.layout).missing
    if missing:
        print(f"the source has no {describe_joints(missing)}: absent in the store")
    left_out = ""
    if report.skipped:
        left_out = f"; {len(report.skipped)} skipped, see {report_path(args.output)}"
    print(
        f"{args.output}: {report.num_clips} clips, {report.num_frames} frames, "
        f"{len(source.glosses)} classes{left_out}"
    )


def _print_bad_clips(error: BadClipsError, skip_bad: bool) -> None:
    """Name the bad clips, and ``--skip-bad`` if there are others."""
    if len(error.bad) == 1 and error.num_good:
        print_error(f"{error}; --skip-bad converts the other {error.num_good}")
        return
    print_error(error)
    if len(error.bad) > 1:
        remedy = " and no good one" if skip_bad else "; fix them, or give --skip-bad"
        print(f"error: nothing written: {len(error.bad)} bad clips{remedy}", file=sys.stderr)


def _may_count_from_one(path: str, source: PoseSource) -> bool:
    """Whether classes have no names and class 0 has no clip, while others have."""
    label = PoseStore(path).label
    return source.glosses[:1] == ["0"] and label.max() > 0 and not (label == 0).any()


def _pickle(args: argparse.Namespace) -> None:
    clips = store_to_pickle(PoseStore(args.input), args.output)
    print(f"{args.output}: {clips} clips in part coordinates")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    allow_any_output()
    args = parse_args(argv)
    try:
        args.run(args)
    except (OSError, UserError) as error:
        if isinstance(error, BadClipsError):
            _print_bad_clips(error, args.skip_bad)
        else:
            print_error(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
