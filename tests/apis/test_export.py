"""The command that exports a checkpoint: masa_mm.apis.export."""

import pytest
import torch

from masa_mm.apis.export import export
from masa_mm.inference.calibration import Calibration
from masa_mm.inference.calibration_file import calibration_path
from masa_mm.inference.trained_model import TrainedModel

from toys.trained_signs import write_training

pytest.importorskip("onnxscript", reason="the extra 'export' is not installed")
pytest.importorskip("onnxruntime", reason="the extra 'export' is not installed")
from masa_mm.inference.exported_model import ExportedModel

pytestmark = pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6), reason="exporting needs torch 2.6"
)


@pytest.fixture
def training(tmp_path):
    return write_training(tmp_path)


def test_the_calibration_is_in_the_model_and_beside_the_checkpoint(training, tmp_path, capsys):
    path = tmp_path / "out" / "model.onnx"
    assert export([*training, str(path), "--acceptance", "0.75", "--terms", "CC BY"]) == 0
    info, trained = ExportedModel(path).info, TrainedModel(*training).info
    assert info.calibration == trained.calibration
    assert info.calibration.acceptance == 0.75 and info.calibration.threshold is not None
    assert info.card["validation"] == trained.card["validation"]
    assert info.card["validation"]["clips"] == 12
    assert info.card["terms"] == "CC BY"
    assert info.card["trained_on"] == "toys: 12 of 12 clips"
    printed = capsys.readouterr().out
    assert "calibration error" in printed and "largest difference" in printed
    assert export([*training, str(path), "--no-calibration"]) == 0
    assert ExportedModel(path).info.calibration == info.calibration


def test_without_calibration_layout_and_quantisation(training, tmp_path, capsys):
    path = str(tmp_path / "model.onnx")
    options = ["--no-calibration", "--layout", "mediapipe_holistic", "--quantize", "int8"]
    assert export([*training, path, *options]) == 0
    info = ExportedModel(path).info
    assert info.layout == "mediapipe_holistic"
    assert info.calibration == Calibration()
    assert not calibration_path(training.checkpoint).exists()
    assert "int8" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda argv: [*argv[:2], "model.pt"], "model.pt: must end with .onnx"),
        (lambda argv: ["gone.py", *argv[1:]], "gone.py: no such config"),
        (lambda argv: [argv[0], "gone.pth", argv[2]], "gone.pth"),
        (lambda argv: [*argv, "--acceptance", "2"], "--acceptance 2.0: must be above 0"),
    ],
)
def test_user_errors_are_one_line(training, tmp_path, capsys, change, message):
    assert export(change([*training, str(tmp_path / "model.onnx")])) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ") and message in line


def test_missing_validation_data_name_the_option(training, tmp_path, capsys):
    (tmp_path / "val.safetensors").unlink()
    assert export([*training, str(tmp_path / "model.onnx")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "val.safetensors" in line and "--no-calibration" in line
    assert not (tmp_path / "model.onnx").exists()
