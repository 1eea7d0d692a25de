"""The command line of ``tools/export.py``: a checkpoint becomes one ONNX file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from mmengine.config import Config

from masa_mm.apis.cli import UsageError, exit_code_of
from masa_mm.apis.config_files import load_config
from masa_mm.errors import UserError, allow_any_output
from masa_mm.inference.calibration import ACCEPTANCE
from masa_mm.inference.calibration_file import save_calibration
from masa_mm.inference.export import QUANTIZATIONS, ExportReport, export_onnx, import_exporter
from masa_mm.inference.landmark_network import LandmarkNetwork
from masa_mm.inference.model_info import ModelInfo
from masa_mm.inference.trained_model import TrainedModel
from masa_mm.inference.validation import calibrate_on_validation
from masa_mm.pose.skeleton import SOURCE_LAYOUTS

_TERMS = "not stated; those of the training data apply"


def export(argv: Sequence[str] | None = None) -> int:
    """Export a checkpoint (``tools/export.py``) and return the exit code."""
    allow_any_output()
    args = _parser().parse_args(argv)
    return exit_code_of(lambda: _run(args))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Export a checkpoint to one ONNX file")
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("out", metavar="MODEL.onnx", help="file to write")
    parser.add_argument(
        "--layout",
        choices=SOURCE_LAYOUTS,
        default="sign49",
        help="joint layout of the landmarks that the model takes (default: %(default)s)",
    )
    parser.add_argument("--quantize", choices=QUANTIZATIONS, help="store weights as integers")
    parser.add_argument(
        "--acceptance",
        type=float,
        default=ACCEPTANCE,
        help="share of known signs that the rejection threshold accepts (default: %(default)s)",
    )
    parser.add_argument(
        "--no-calibration",
        action="store_true",
        help="do not run the validation clips; a calibration beside the checkpoint is used",
    )
    parser.add_argument("--terms", default=_TERMS, help="terms of use, stored in the model card")
    return parser


def _run(args: argparse.Namespace) -> None:
    if not args.out.endswith(".onnx"):
        raise UsageError(f"{args.out}: must end with .onnx")
    if not 0 < args.acceptance <= 1:
        raise UsageError(f"--acceptance {args.acceptance}: must be above 0, at most 1")
    import_exporter()
    cfg = load_config(args.config)
    model = TrainedModel(args.config, args.checkpoint)
    network = LandmarkNetwork(model.network, model.transforms, args.layout)
    info = replace(model.info, layout=args.layout, card=model.info.card | dict(terms=args.terms))
    if info.classes and not args.no_calibration:
        info = _calibrated(model, cfg, info, args)
    _print_export(export_onnx(network, args.out, info, args.quantize), info, args.quantize)


def _calibrated(
    model: TrainedModel, cfg: Config, info: ModelInfo, args: argparse.Namespace
) -> ModelInfo:
    """Calibrate a model and store the result beside its checkpoint."""
    try:
        calibration, measured = calibrate_on_validation(model, cfg, args.acceptance)
    except (FileNotFoundError, UserError) as error:
        raise UsageError(f"{error}; --no-calibration exports without validation data") from error
    path = save_calibration(args.checkpoint, model.classifier_weights, calibration, measured)
    print(
        f"{path}: temperature {calibration.temperature:.3g} fitted on {measured['data']}\n"
        f"expected calibration error {measured['ece_before']:.3f} -> {measured['ece_after']:.3f} "
        "(each half of the clips by the temperature of the other)\n"
        f"known signs have a {calibration.rejection} of {calibration.threshold:.3g} or more: "
        f"{calibration.acceptance:.0%} of the clips"
    )
    return replace(info, calibration=calibration, card=info.card | dict(validation=measured))


def _print_export(report: ExportReport, info: ModelInfo, quantize: str | None) -> None:
    classes = f"{len(info.classes)} classes" if info.classes else "no classes"
    print(
        f"{report.path}: {report.num_bytes / 1e6:.2f} MB, {quantize or 'float32'}, {classes}, "
        f"layout {info.layout}\n"
        f"largest difference to torch on random clips: {report.difference:.2g}"
    )
