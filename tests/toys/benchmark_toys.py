"""Tools for the tests of the benchmarks: importing scripts, a tiny network, reading tables."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from toys.paths import ROOT

FOLDER = ROOT / "tools" / "benchmark"
# A tiny network behind the pipeline of the default config.
TINY = [
    "--cfg-options",
    "model.backbone.embed_dims=16",
    "model.backbone.depth=1",
    "model.backbone.feedforward_channels=32",
    "model.backbone.channels=[8]",
    "model.backbone.sub_part_channels=[16]",
    "model.decoder.in_channels=48",
    "model.decoder.feedforward_channels=32",
    "model.alignment.in_channels=48",
    "model.alignment.queue_len=32",
]


def load_script(name: str) -> ModuleType:
    """Import a script by the name that the scripts use for one another."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    return importlib.import_module(name)


def read_table(text: str) -> list[list[str]]:
    """Cells of the Markdown tables in a text, without the lines below the heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def read_figures(text: str) -> dict[str, str]:
    """Rows of the tables of two columns in a text."""
    return dict(row for row in read_table(text) if len(row) == 2)
