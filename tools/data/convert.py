"""Make a pose store from a source of poses.

    python tools/data/convert.py wlasl-hands wlasl_hands_train.npz data/wlasl_train.safetensors
    python tools/data/convert.py wlasl-upper-body clips.npz OUT.safetensors --classes classes.txt
    python tools/data/convert.py mmaction poses.pkl OUT.safetensors --layout coco_wholebody

Bad clips are named, one a line, and nothing is written; with --skip-bad they are named, left out,
and the rest is written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from masa_mm.datasets.crop import FALLBACKS
from masa_mm.datasets.sources import SourceClips, convert
from masa_mm.datasets.sources.base import read_class_list
from masa_mm.datasets.sources.mmaction import read_mmaction
from masa_mm.datasets.sources.wlasl_hands import read_wlasl_hands
from masa_mm.datasets.sources.wlasl_upper_body import read_wlasl_upper_body
from masa_mm.datasets.store import DTYPES, BadClip
from masa_mm.skeleton import SOURCE_LAYOUTS, missing_joints


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make a pose store from a source of poses")
    sources = parser.add_subparsers(dest="source", required=True, metavar="SOURCE")

    hands = _source(sources, "wlasl-hands", "both hands by MediaPipe, .npz", _read_hands)
    hands.add_argument("--class-list", help="lines of label and class name")
    upper = _source(sources, "wlasl-upper-body", "upper body and hands, .npz", _read_upper_body)
    upper.add_argument("--classes", required=True, help="a class name a line")
    for source in (hands, upper):
        source.add_argument(
            "--aspect", type=float, default=1.0, help="width / height of the images, if known"
        )
    mmaction = _source(sources, "mmaction", "MMAction2's pose annotations, .pkl", _read_mmaction)
    mmaction.add_argument("--layout", required=True, choices=SOURCE_LAYOUTS, help="its joints")
    mmaction.add_argument("--class-list", help="lines of class names, in the order of the labels")
    mmaction.add_argument("--source-name", default="mmaction", help="name of the data set")
    return parser.parse_args(argv)


def _source(sources, name: str, text: str, read) -> argparse.ArgumentParser:
    parser = sources.add_parser(name, help=text, description=text)
    parser.set_defaults(read=read)
    parser.add_argument("input", help="the file to convert")
    parser.add_argument("output", help="the .safetensors file to make")
    parser.add_argument("--split", help="name of the split (of an MMAction2 pickle: which to take)")
    parser.add_argument("--dtype", choices=DTYPES, default="float16")
    parser.add_argument("--skip-bad", action="store_true", help="leave bad clips out and say which")
    parser.add_argument(
        "--few-joints",
        choices=FALLBACKS,
        default="absent",
        help="a hand with fewer than 10 visible joints is absent, or boxed by elbow and wrist",
    )
    return parser


def _read_hands(args: argparse.Namespace) -> tuple[SourceClips, list[BadClip]]:
    return read_wlasl_hands(args.input, args.class_list, args.aspect, args.split or ""), []


def _read_upper_body(args: argparse.Namespace) -> tuple[SourceClips, list[BadClip]]:
    return read_wlasl_upper_body(args.input, args.classes, args.aspect, args.split or ""), []


def _read_mmaction(args: argparse.Namespace) -> tuple[SourceClips, list[BadClip]]:
    classes = read_class_list(args.class_list) if args.class_list else None
    return read_mmaction(
        args.input, args.layout, args.split, classes, args.source_name, args.skip_bad
    )


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        clips, unreadable = args.read(args)
        report = convert(clips, args.output, args.dtype, args.skip_bad, args.few_joints)
    except (OSError, ValueError, KeyError) as error:
        print(error.args[0] if isinstance(error, KeyError) else error, file=sys.stderr)
        return 1
    skipped = [*unreadable, *report.skipped]
    for clip in skipped:
        print(f"skipped: {clip}")
    missing = missing_joints(clips.layout)
    if missing:
        print(f"the source has no {', '.join(missing)}: absent in the store")
    print(
        f"{args.output}: {report.num_clips} clips, {report.num_frames} frames, "
        f"{len(clips.glosses)} classes" + (f"; {len(skipped)} skipped" if skipped else "")
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
