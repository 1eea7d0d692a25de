"""The list of clips that a conversion left out."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from masa_mm.atomic_write import atomic_write
from masa_mm.pose.clip_checks import BadClip


def report_path(out: str | os.PathLike) -> Path:
    """Where the report of a store lies: ``train.safetensors`` has ``train.skipped.csv``."""
    return Path(out).with_suffix(".skipped.csv")


def write_report(path: str | os.PathLike, skipped: Sequence[BadClip]) -> None:
    """Write the clips that were left out as CSV: id, problem, remedy. No clips: a line of names."""
    with atomic_write(path) as beside, open(beside, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(BadClip._fields)
        writer.writerows(skipped)
