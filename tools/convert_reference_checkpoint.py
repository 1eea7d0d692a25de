"""Convert a checkpoint of the authors' release to the reference preset.

    python tools/convert_reference_checkpoint.py IN.pth.tar checkpoints/masa_reference.pth

The file is read as data; no code in it is executed. Each name is reported with its shape: mapped,
unused (layers and a decoder that take no part in the forward pass) or missing. A file with missing
or unexpected names, or of another width, is an error, and nothing is written; --names lists the
names.

The configs of the reference preset load the output from the path above. docs/method.md has the
commands for further pretraining, finetuning and probing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from mmaction.registry import MODELS
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import save_checkpoint
from torch import Tensor

import masa_mm  # noqa: F401  (registers what the config names)
from masa_mm.apis.config_files import load_config
from masa_mm.errors import UserError, allow_any_output, print_error
from masa_mm.models.reference.checkpoint import convert_reference, read_reference

REFERENCE = Path(__file__).resolve().parents[1] / "configs/_base_/models/masa_reference.py"
EXIT_USER_ERROR = 2


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the options."""
    parser = argparse.ArgumentParser(
        description="Convert a checkpoint of the authors' release to the reference preset"
    )
    parser.add_argument("input", help="the authors' checkpoint, .pth.tar")
    parser.add_argument("output", help="the checkpoint to write, .pth")
    parser.add_argument(
        "--names", action="store_true", help="list the names also if the file does not fit"
    )
    parser.add_argument(
        "--config", default=str(REFERENCE), help="config of the MASA model, if not the preset"
    )
    return parser.parse_args(argv)


def expected_state(config: str) -> dict[str, Tensor]:
    """Names and shapes of the weights of a config's model, on the meta device."""
    init_default_scope("mmaction")
    with torch.device("meta"):
        return MODELS.build(load_config(config).model).state_dict()


def convert(args: argparse.Namespace) -> None:
    """Convert the checkpoint.

    Args:
        args (argparse.Namespace): The parsed options.

    Raises:
        FileNotFoundError: If the file or the config does not exist.
        UserError: If the file is no checkpoint of the release, or input and output are the same.
    """
    if Path(args.input).resolve() == Path(args.output).resolve():
        raise UserError(f"{args.output}: is also the input; give another name")
    if Path(args.output).is_dir():
        raise UserError(f"{args.output}: is a folder; give the path of a file")
    weights, epoch = read_reference(args.input)
    converted, report = convert_reference(weights, expected_state(args.config))
    if args.names or not report.problem:
        print("\n".join(report.lines()))
    if report.problem:
        raise UserError(
            f"{args.input}: does not fit {args.config}, it has {len(weights)} names: "
            f"{report.problem}; nothing was written"
        )
    meta = dict(source=Path(args.input).name, source_epoch=epoch)
    content = dict(meta=meta, state_dict=converted)
    save_checkpoint(content, args.output, backend_args=dict(backend="atomic"))
    print(
        f"{args.output}: {len(converted)} tensors from {len(report.mapped)} of {len(weights)}, "
        f"{len(report.unused)} unused, 0 missing"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code."""
    allow_any_output()
    args = parse_args(argv)
    try:
        convert(args)
    except (UserError, OSError) as error:
        print_error(error)
        return EXIT_USER_ERROR
    return 0


if __name__ == "__main__":
    sys.exit(main())
