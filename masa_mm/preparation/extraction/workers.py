"""Processes that share the work: started by torchrun, by a Slurm array, by both, or one alone."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

import torch.distributed as dist

from masa_mm.errors import UserError


class Worker(NamedTuple):
    """This process among those that share the work.

    Args:
        index, count: it takes every ``count``-th clip from ``index`` on.
        local: its number on its machine, for the choice of a GPU.
        run: a name of the run, the same for all its processes.
        leads: whether it reports for those that torchrun started with it.
    """

    index: int = 0
    count: int = 1
    local: int = 0
    run: str = ""
    leads: bool = True


def join(environment: Mapping[str, str] = os.environ) -> Worker:
    """This process's place, as torchrun (RANK, WORLD_SIZE) and Slurm arrays tell it.

    Raises:
        UserError: the environment says something impossible.
    """
    rank, world = _numbers(environment, "RANK", "WORLD_SIZE")
    task, tasks, run = _array_task(environment)
    run = run or uuid.uuid4().hex
    if world > 1:
        run = _shared(run)
    local = int(environment.get("LOCAL_RANK", rank))
    return Worker(task * world + rank, tasks * world, local, run, rank == 0)


def wait_for_all() -> None:
    """Until all processes that torchrun started are here. Slurm's tasks do not wait."""
    if dist.is_initialized():
        dist.barrier()


def leave() -> None:
    """Let the other processes go; they end together, for torchrun stops all when one fails."""
    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()


def _array_task(environment: Mapping[str, str]) -> tuple[int, int, str]:
    if "SLURM_ARRAY_TASK_ID" not in environment:
        return 0, 1, ""
    first = int(environment.get("SLURM_ARRAY_TASK_MIN", 0))
    last = int(environment.get("SLURM_ARRAY_TASK_MAX", environment["SLURM_ARRAY_TASK_ID"]))
    step = int(environment.get("SLURM_ARRAY_TASK_STEP", 1))
    tasks = int(environment.get("SLURM_ARRAY_TASK_COUNT", (last - first) // step + 1))
    task = (int(environment["SLURM_ARRAY_TASK_ID"]) - first) // step
    # An array of picked numbers (--array=1,5,7) does not tell which of them a task is.
    if tasks != (last - first) // step + 1 or not 0 <= task < tasks:
        raise UserError("the Slurm array has gaps; submit it as --array=0-N")
    return task, tasks, environment.get("SLURM_ARRAY_JOB_ID", "array")


def _numbers(environment: Mapping[str, str], index: str, count: str) -> tuple[int, int]:
    number, total = int(environment.get(index, 0)), int(environment.get(count, 1))
    if not 0 <= number < total:
        raise UserError(f"{index}={number} and {count}={total} in the environment; start torchrun")
    return number, total


def _shared(run: str) -> str:
    # One process may work for days while the others wait.
    dist.init_process_group("gloo", timeout=timedelta(days=30))
    names = [run]
    dist.broadcast_object_list(names)
    return names[0]
