"""One of the two processes of ``test_memory_bank.py``: python two_banks.py FOLDER RANK."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import distributed

from masa_mm.models.alignment import MemoryBank
from masa_mm.models.alignment.memory_bank import gather_rows

LENGTH, CHANNELS, WORLD = 7, 3, 2
# Clips of each process, step by step: as many, unequal, none, and more than the bank holds.
COUNTS = ((2, 2), (3, 2), (0, 1), (1, 4), (6, 5), (0, 0), (2, 1))


def batch(step: int, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys [N, CHANNELS] that follow from their clips' names, and these, int64 [N] of 63 bits."""
    number = torch.arange(COUNTS[step][rank]) + 100 * step + 10 * rank
    return number[:, None] + torch.arange(CHANNELS) / 4, 2**62 + number


def main(folder: Path, rank: int) -> None:
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", world_size=WORLD, rank=rank
    )
    banks = [MemoryBank(CHANNELS, LENGTH).to(kind) for kind in (torch.float32, torch.bfloat16)]
    states, rows = [], []
    for step in range(len(COUNTS)):
        keys, names = batch(step, rank)
        rows.append(gather_rows(names[:, None, None].expand(-1, 2, 3)))
        for bank in banks:
            bank.enqueue(keys, names)
        states.append(
            [{name: v.clone() for name, v in bank.state_dict().items()} for bank in banks]
        )
    torch.save((rows, states), folder / f"found.{rank}")
    distributed.barrier()  # torch 2.4 can deadlock while it frees the tensors of a last gather
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
