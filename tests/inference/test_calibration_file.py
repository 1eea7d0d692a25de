"""The calibration beside a checkpoint."""

import json

import pytest
import torch

from masa_mm.errors import UserError
from masa_mm.inference import calibration_file
from masa_mm.inference.calibration import Calibration
from masa_mm.inference.calibration_file import (
    calibration_path,
    load_calibration,
    save_calibration,
)

WEIGHTS = dict(weight=torch.arange(6.0).view(2, 3), bias=torch.ones(2))
GIVEN = Calibration(1.7, threshold=0.25, acceptance=0.9)


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "best_sign.top1_epoch_3.pth"
    save_calibration(path, WEIGHTS, GIVEN, dict(clips=7))
    return path


def test_it_lies_beside_the_checkpoint_and_is_read_back(checkpoint):
    assert calibration_path(checkpoint).name == "best_sign.top1_epoch_3.calibration.json"
    assert load_calibration(checkpoint, WEIGHTS) == (GIVEN, dict(clips=7))


def test_without_a_file_nothing_changes(tmp_path):
    assert load_calibration(tmp_path / "epoch_1.pth", WEIGHTS) == (Calibration(), {})


def test_that_of_other_weights_is_not_used(checkpoint, monkeypatch):
    warnings = []
    monkeypatch.setattr(calibration_file, "print_log", lambda text, **_: warnings.append(text))
    others = dict(WEIGHTS, bias=torch.zeros(2))
    assert load_calibration(checkpoint, others) == (Calibration(), {})
    assert len(warnings) == 1 and "of other weights" in warnings[0]


@pytest.mark.parametrize(
    "changes",
    [
        dict(calibration=dict(temperature=-1)),
        dict(calibration=dict(temperature="hot")),
        dict(calibration=dict(unknown=1)),
        dict(calibration=None),
        dict(validation=3),
    ],
)
def test_a_damaged_file_is_one_line(checkpoint, changes):
    path = calibration_path(checkpoint)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UserError, match=r"calibration\.json: is no calibration"):
        load_calibration(checkpoint, WEIGHTS)


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"weights": "x"}'])
def test_what_is_no_calibration_is_refused(checkpoint, text):
    calibration_path(checkpoint).write_text(text)
    with pytest.raises(UserError, match=r"calibration\.json"):
        load_calibration(checkpoint, WEIGHTS)
