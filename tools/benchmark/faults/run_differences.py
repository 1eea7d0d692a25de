"""Say in which files, tensors and logged numbers two folders of runs differ.

Everything that follows from the batches and random numbers of a run is compared: weights, optimizer
state, schedules, the position in the run, and all logged numbers but times and memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch import Tensor

PARTS = ("state_dict", "optimizer", "param_schedulers")
POSITION = ("epoch", "iter", "seed")
NOT_REPEATED = ("time", "memory", "eta")


def describe_differences(folder: Path, other: Path) -> list[str]:
    """List how the checkpoints of a run differ from those of another one.

    Args:
        folder (Path): Folder of the run.
        other (Path): Folder of the run that it should equal.

    Returns:
        list[str]: A line for each file that only one of them has, and for each tensor or number
            that differs.
    """
    ours, theirs = (sorted(path.name for path in place.glob("*.pth")) for place in (folder, other))
    lines = [f"{name}: only in {folder.name}" for name in ours if name not in theirs]
    lines += [f"{name}: only in {other.name}" for name in theirs if name not in ours]
    for name in set(ours) & set(theirs):
        found = _differences(_repeated(folder / name), _repeated(other / name))
        lines += [f"{name}: {place}" for place in found]
    return sorted(lines)


def _repeated(path: Path) -> dict[str, Any]:
    """What another run with the same batches and random numbers repeats in a checkpoint."""
    content = torch.load(path, weights_only=False)
    logs = content["message_hub"]["log_scalars"]
    return {
        **{name: content[name] for name in PARTS if name in content},
        "meta": {name: content["meta"].get(name) for name in POSITION},
        "log": {name: log for name, log in logs.items() if not name.endswith(NOT_REPEATED)},
    }


def _differences(ours: Any, theirs: Any, name: str = "") -> Iterator[str]:
    if isinstance(ours, HistoryBuffer) and isinstance(theirs, HistoryBuffer):
        ours, theirs = ours.data, theirs.data
    if isinstance(ours, list | tuple) and isinstance(theirs, list | tuple):
        ours, theirs = (dict(enumerate(values)) for values in (ours, theirs))
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            yield from _differences(ours.get(key), theirs.get(key), f"{name}.{key}".lstrip("."))
    elif isinstance(ours, Tensor | np.ndarray) and isinstance(theirs, Tensor | np.ndarray):
        yield from _array_differences(np.asarray(ours), np.asarray(theirs), name)
    elif ours != theirs:
        yield f"{name} is {ours!r}, not {theirs!r}"


def _array_differences(ours: np.ndarray, theirs: np.ndarray, name: str) -> Iterator[str]:
    if ours.shape != theirs.shape:
        yield f"{name} has the shape {ours.shape}, not {theirs.shape}"
    elif not np.array_equal(ours, theirs):
        differ = ours != theirs
        largest = np.abs(ours[differ].astype(float) - theirs[differ]).max()
        yield f"{name} differs in {differ.sum()} of {differ.size} numbers, by up to {largest:.2g}"
