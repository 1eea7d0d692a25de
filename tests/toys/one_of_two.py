"""One of the processes that share a batch in ``test_masa.py``: python one_of_two.py FOLDER RANK.

FOLDER holds the cases; each process writes its results next to them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import distributed

import masa_mm.models
import masa_mm.structures

WORLD = 2


def main(folder: Path, rank: int) -> None:
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", world_size=WORLD, rank=rank
    )
    for path in sorted(folder.glob("*.case")):
        case = torch.load(path, weights_only=False)
        torch.save(run(case, rank), path.with_suffix(f".{rank}"))
    distributed.barrier()  # torch 2.4 can deadlock while it frees the tensors of a last gather
    distributed.destroy_process_group()


def run(case: dict, rank: int) -> dict:
    """Losses, gradients and the memory bank after this process's half of the batch."""
    model = case["model"]
    inputs = {name: value[rank::WORLD] for name, value in case["inputs"].items()}
    samples = masa_mm.structures.SignDataSamples(
        labels=case["labels"][rank::WORLD], clip_ids=case["clip_ids"][rank::WORLD]
    )
    result = {}
    try:
        losses = model.eval()(inputs, samples, mode="loss")
        sum(value for name, value in losses.items() if "loss" in name).backward()
        result["losses"] = {name: value.detach() for name, value in losses.items()}
        result["gradients"] = {
            name: parameter.grad
            for name, parameter in model.named_parameters()
            if parameter.requires_grad
        }
        model.train()(inputs, samples, mode="loss")
    except FloatingPointError as error:
        result["error"] = str(error)
    result["bank"] = model.alignment.bank.state_dict()
    return result


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
