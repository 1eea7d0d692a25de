"""Keys of two processes with batches of unlike size, against one bank that gets them all."""

import os
import subprocess
import sys

import pytest
import torch

from masa_mm.models.alignment import MemoryBank
from masa_mm.models.alignment.gathering import gather_named_rows, gather_rows

from toys.paths import ROOT
from toys.two_banks import CHANNELS, COUNTS, LENGTH, WORLD, batch


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each of two gloo processes had gathered and banked after each step."""
    folder = tmp_path_factory.mktemp("two")
    script, root = ROOT / "tests/toys/two_banks.py", ROOT
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(folder), str(rank)],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)},
        )
        for rank in range(WORLD)
    ]
    try:
        assert [process.wait(timeout=180) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    return [torch.load(folder / f"found.{rank}") for rank in range(WORLD)]


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_both_processes_have_the_bank_of_one_that_sees_all(found, kind):
    alone = MemoryBank(CHANNELS, LENGTH).to(kind)
    number = (torch.float32, torch.bfloat16).index(kind)
    for step in range(len(COUNTS)):
        keys, names = (torch.cat(parts) for parts in zip(*(batch(step, r) for r in range(WORLD))))
        alone.enqueue(keys, names)
        for _, states in found:
            for name, value in alone.state_dict().items():
                assert states[step][number][name].equal(value), (step, name)


def test_rows_come_rank_after_rank_whatever_their_number_and_shape(found):
    for rows, _ in found:
        for step, gathered in enumerate(rows):
            names = torch.cat([batch(step, rank)[1] for rank in range(WORLD)])
            assert gathered.equal(names[:, None, None].expand(-1, 2, 3))


def test_one_process_keeps_its_own_rows():
    rows = torch.randn(3, 4)
    assert gather_rows(rows) is rows
    keys, names = gather_named_rows(rows, torch.tensor([5, 2**62, -1]))
    assert keys.equal(rows) and names.tolist() == [5, 2**62, -1]
