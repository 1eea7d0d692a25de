"""One process of ``test_sync_statistics_hook.py``: python two_statistics.py FOLDER RANK."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import distributed, nn

from masa_mm.engine import SyncStatisticsHook
from masa_mm.models.alignment import MemoryBank
from masa_mm.models.layers.packing import RowBatchNorm

WORLD = 2


def network() -> nn.ModuleDict:
    """Three BatchNorm layers, of which one has no statistics, and buffers of other kinds."""
    return nn.ModuleDict(
        dict(
            rows=RowBatchNorm(3),
            images=nn.BatchNorm2d(3),
            without=nn.BatchNorm1d(3, track_running_stats=False),
            bank=MemoryBank(3, 5),
        )
    )


def main(folder: Path, rank: int) -> None:
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", world_size=WORLD, rank=rank
    )
    model, hook = network(), SyncStatisticsHook()
    runner, states = SimpleNamespace(model=model), []
    with torch.no_grad():
        model["bank"].keys.fill_(rank)
        model["bank"].clip_ids.fill_(2**62 + rank)
    for step in range(2):
        torch.manual_seed(10 * step + rank)
        for _ in range(step + 1):
            model["rows"](torch.randn(4, 3))
        model["images"](torch.randn(2, 3, 4, 4))
        hook.after_train_iter(runner, step)
        states.append(copy(model))
        # Once after an epoch and, in the second step, in a validation within an epoch.
        (hook.after_train_epoch, hook.before_val_epoch)[step](runner)
        states.append(copy(model))
    torch.save(states, folder / f"found.{rank}")
    distributed.barrier()  # torch 2.4 can deadlock while it frees the tensors of a last gather
    distributed.destroy_process_group()


def copy(model: nn.Module) -> dict:
    return {name: value.clone() for name, value in model.state_dict().items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
