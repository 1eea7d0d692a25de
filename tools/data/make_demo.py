"""Generate the demo data: python tools/data/make_demo.py OUT_DIR [options]."""

import argparse
import sys

from masa_mm.errors import UserError, allow_any_output, print_error
from masa_mm.option_checks import count, option, seed, whole
from masa_mm.preparation.demo import DemoConfig, store_path, write_demo_stores


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the options."""
    default = DemoConfig()
    parser = argparse.ArgumentParser(
        description="Generate demo signs and write OUT_DIR/demo_{train,val,test}.safetensors.",
        epilog="No signer is in two splits. The same options give the same bytes.",
    )
    parser.add_argument("out_dir", metavar="OUT_DIR")
    parser.add_argument("--seed", type=seed, default=default.seed)
    parser.add_argument("--num-classes", type=option(whole(2)), default=default.num_classes)
    per_split = dict(nargs=3, type=count, metavar=("TRAIN", "VAL", "TEST"))
    parser.add_argument("--signers", default=default.signers, **per_split)
    parser.add_argument(
        "--repetitions",
        default=default.repetitions,
        help="clips of each sign by each signer",
        **per_split,
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    allow_any_output()
    args = parse_args(argv)
    try:
        config = DemoConfig(
            num_classes=args.num_classes,
            signers=tuple(args.signers),
            repetitions=tuple(args.repetitions),
            seed=args.seed,
        )
        reports = write_demo_stores(args.out_dir, config)
    except (UserError, OSError) as error:
        print_error(error)
        return 1
    for split, report in reports.items():
        path = store_path(args.out_dir, split)
        print(f"{path}: {report.num_clips} clips, {report.num_frames} frames")
    return 0


if __name__ == "__main__":
    sys.exit(main())
