"""The share of each process: alone, with torchrun, in a Slurm array."""

import pytest

from masa_mm.errors import UserError
from masa_mm.preparation.extraction.workers import join


def test_alone():
    worker = join({})
    assert (worker.index, worker.count, worker.local_rank, worker.is_leader) == (0, 1, 0, True)
    assert worker.run != join({}).run


def array(task, **changes):
    names = dict(ARRAY_TASK_ID=task, ARRAY_TASK_COUNT=4, ARRAY_TASK_MIN=0, ARRAY_TASK_MAX=3)
    names |= dict(ARRAY_JOB_ID=77) | changes
    return {f"SLURM_{name}": str(value) for name, value in names.items()}


def test_the_tasks_of_a_slurm_array_share_the_clips():
    workers = [join(array(task)) for task in range(4)]
    assert [(w.index, w.count, w.is_leader, w.run) for w in workers] == [
        (i, 4, True, "77") for i in range(4)
    ]
    from_ten = [
        join(array(t, ARRAY_TASK_MIN=10, ARRAY_TASK_MAX=16, ARRAY_TASK_STEP=2)) for t in (10, 14)
    ]
    assert [w.index for w in from_ten] == [0, 2]


def test_arrays_with_gaps_are_refused():
    with pytest.raises(UserError, match="the Slurm array has gaps; submit it as --array=0-N"):
        join(array(5, ARRAY_TASK_COUNT=3, ARRAY_TASK_MIN=1, ARRAY_TASK_MAX=7))
    with pytest.raises(UserError, match="RANK=3 and WORLD_SIZE=2"):
        join(dict(RANK="3", WORLD_SIZE="2"))
