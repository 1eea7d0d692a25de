"""The calibration of a checkpoint, in a JSON file beside it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from torch import Tensor

from masa_mm.atomic_write import atomic_write
from masa_mm.errors import UserError
from masa_mm.inference.calibration import Calibration
from masa_mm.pose.files import read_json


def calibration_path(checkpoint: str | os.PathLike) -> Path:
    """Path of a checkpoint's calibration: ``epoch_4.pth`` -> ``epoch_4.calibration.json``."""
    return Path(checkpoint).with_suffix(".calibration.json")


def save_calibration(
    checkpoint: str | os.PathLike,
    weights: Mapping[str, Tensor],
    calibration: Calibration,
    measured: dict[str, Any],
) -> Path:
    """Write the calibration of a checkpoint beside it and return its path.

    Args:
        checkpoint (str | os.PathLike): The checkpoint.
        weights (Mapping): The weights of its classifier.
        calibration (Calibration): The calibration.
        measured (dict): What the validation measured. JSON.

    Raises:
        WriteError: If the file cannot be written.
    """
    path = calibration_path(checkpoint)
    content = dict(
        weights=weights_hash(weights), calibration=asdict(calibration), validation=measured
    )
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def load_calibration(
    checkpoint: str | os.PathLike, weights: Mapping[str, Tensor]
) -> tuple[Calibration, dict[str, Any]]:
    """Read the calibration of a checkpoint and what the validation measured.

    Without a file, the calibration changes nothing. A file of other weights, which the checkpoint
    had before it was overwritten, is left out with a warning.

    Raises:
        UserError: If the file is damaged.
    """
    path = calibration_path(checkpoint)
    if not path.is_file():
        return Calibration(), {}
    content = read_json(path)
    try:
        calibration, measured = Calibration(**content["calibration"]), dict(content["validation"])
        is_current = content["weights"] == weights_hash(weights)
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{path}: is no calibration ({type(error).__name__}: {error}); remove it and export "
            "the model again"
        ) from None
    if is_current:
        return calibration, measured
    text = f"{path}: is the calibration of other weights and is not used; export the model again"
    print_log(text, logger="current", level=logging.WARNING)
    return Calibration(), {}


def weights_hash(weights: Mapping[str, Tensor]) -> str:
    """Hash weights, so that a calibration is not used with others."""
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].detach().cpu().numpy().tobytes())
    return digest.hexdigest()
