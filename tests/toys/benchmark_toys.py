"""What the tests of the benchmarks share: how scripts are loaded, a network of a second."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from toys.paths import ROOT

FOLDER = ROOT / "tools" / "benchmark"
# A network of a second, over the same pipeline.
TINY = [
    "model.backbone.embed_dims=16",
    "model.backbone.depth=1",
    "model.backbone.feedforward_channels=32",
    "model.backbone.channels=[8]",
    "model.backbone.sub_part_channels=[16]",
    "model.decoder.in_channels=48",
    "model.decoder.feedforward_channels=32",
    "model.alignment.in_channels=48",
    "model.alignment.bank_length=32",
]


def load(name: str) -> ModuleType:
    """A script, or what scripts share, by the name under which they import one another."""
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    return importlib.import_module(name)


def rows_of(text: str) -> dict[str, str]:
    """The rows of the tables of two columns in what was printed."""
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return dict(cell for cell in cells if len(cell) == 2)
