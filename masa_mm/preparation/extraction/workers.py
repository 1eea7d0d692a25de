"""Division of the clips among the processes of torchrun, of a Slurm array, or of both."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import torch.distributed as dist
from mmengine.dist import barrier, is_distributed

from masa_mm.errors import UserError


@dataclass(frozen=True)
class Worker:
    """The rank of this process among those that share the work."""

    index: int  # the first clip of this process, which takes every `count`-th
    count: int
    local_rank: int  # among the processes of its machine; selects the GPU
    run: str  # name of the run, the same in all processes
    is_leader: bool  # whether it reports for the processes of its torchrun


def join(environment: Mapping[str, str] = os.environ) -> Worker:
    """Join the processes that torchrun (RANK, WORLD_SIZE) or a Slurm array started.

    Raises:
        UserError: If the environment variables contradict each other.
    """
    rank, world_size = int(environment.get("RANK", 0)), int(environment.get("WORLD_SIZE", 1))
    if not 0 <= rank < world_size:
        raise UserError(
            f"RANK={rank} and WORLD_SIZE={world_size} in the environment contradict each other; "
            "start the command with torchrun"
        )
    task, num_tasks, run = _array_task(environment)
    names = [run or uuid.uuid4().hex]
    if world_size > 1:
        # One process may work for days while the others wait.
        dist.init_process_group("gloo", timeout=timedelta(days=30))
        dist.broadcast_object_list(names)
    local_rank = int(environment.get("LOCAL_RANK", rank))
    return Worker(task * world_size + rank, num_tasks * world_size, local_rank, names[0], rank == 0)


def leave() -> None:
    """Wait for the processes of this torchrun: it stops the others when one of them fails."""
    if is_distributed():
        barrier()
        dist.destroy_process_group()


def _array_task(environment: Mapping[str, str]) -> tuple[int, int, str]:
    """Number of the task in its Slurm array, number of tasks, and name of the run."""
    if "SLURM_ARRAY_TASK_ID" not in environment:
        return 0, 1, ""
    number = int(environment["SLURM_ARRAY_TASK_ID"])
    first = int(environment.get("SLURM_ARRAY_TASK_MIN", 0))
    last = int(environment.get("SLURM_ARRAY_TASK_MAX", number))
    step = int(environment.get("SLURM_ARRAY_TASK_STEP", 1))
    num_tasks, task = (last - first) // step + 1, (number - first) // step
    # The tasks of an array such as --array=1,5,7 cannot know their position in it.
    count = int(environment.get("SLURM_ARRAY_TASK_COUNT", num_tasks))
    if count != num_tasks or not 0 <= task < num_tasks:
        raise UserError("the Slurm array has gaps; submit it as --array=0-N")
    return task, num_tasks, environment.get("SLURM_ARRAY_JOB_ID", "array")
