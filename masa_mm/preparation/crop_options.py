"""The options of commands that crop: which rules of :func:`masa_mm.pose.crop.crop_parts`."""

from __future__ import annotations

import argparse
from typing import Any

from masa_mm.pose.crop import CLAMPS, FALLBACKS


def add_crop_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--few-joints``, ``--clamp`` and ``--zero-left-above``."""
    parser.add_argument(
        "--few-joints",
        choices=FALLBACKS,
        default="absent",
        help="a hand with fewer than 10 visible joints is absent, or boxed by elbow and wrist",
    )
    parser.add_argument(
        "--clamp",
        choices=CLAMPS,
        default="joints",
        help="boxes end at the image's border but hold their joints; 'image': whatever it cuts off",
    )
    parser.add_argument(
        "--zero-left-above",
        type=float,
        metavar="PIXELS",
        help="set left-hand values above this to 0; 255 is the reference code's slip",
    )


def crop_rules(args: argparse.Namespace) -> dict[str, Any]:
    """What the options ask of ``crop_parts``, as its keywords."""
    return dict(fallback=args.few_joints, clamp=args.clamp, zero_left_above=args.zero_left_above)
