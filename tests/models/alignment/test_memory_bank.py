"""MemoryBank against collections.deque, in one process and in two with batches of any size."""

import os
import subprocess
import sys
from collections import deque

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.models.alignment import MemoryBank
from masa_mm.models.alignment.memory_bank import UNKNOWN, gather_named_rows, gather_rows

from toys.paths import ROOT
from toys.two_banks import CHANNELS, COUNTS, LENGTH, WORLD, batch


@settings(max_examples=60, deadline=None)
@given(length=st.integers(1, 7), batches=st.lists(st.integers(1, 16), max_size=8))
def test_is_a_queue_whatever_the_batch_sizes(length, batches):
    bank, queue, number = MemoryBank(2, length), deque(maxlen=length), 0
    for size in batches:
        ids = torch.arange(number, number + size)
        bank.enqueue(torch.stack([ids.float(), -ids.float()], 1), ids)
        queue.extend(ids.tolist())
        number += size
        filled = bank.clip_ids >= 0
        assert sorted(bank.clip_ids[filled].tolist()) == list(queue)
        assert bank.keys[filled, 0].equal(bank.clip_ids[filled].float())
        assert bank.keys[filled, 1].equal(-bank.clip_ids[filled].float())
        assert int(bank.pointer) < length
    # The oldest key lies where the next one goes.
    if len(queue) == length:
        assert bank.clip_ids[bank.pointer] == queue[0]


def test_neither_empty_slots_nor_a_clips_own_older_keys_are_negatives():
    bank = MemoryBank(3, 5)
    bank.enqueue(torch.randn(3, 3), torch.tensor([7, 8, 7]))
    found = bank.is_negative(torch.tensor([7, 8, 9]))
    assert found.tolist() == [
        [False, True, False, False, False],
        [True, False, True, False, False],
        [True, True, True, False, False],
    ]


def test_with_the_own_keys_every_filled_slot_is_a_negative():
    bank = MemoryBank(3, 5, exclude_own=False)
    bank.enqueue(torch.randn(3, 3), torch.tensor([7, 8, 7]))
    assert bank.is_negative(torch.tensor([7, 9])).tolist() == [[True] * 3 + [False] * 2] * 2


@pytest.mark.parametrize("exclude_own", [False, True])
def test_keys_of_unknown_clips_are_negatives(exclude_own):
    bank = MemoryBank(3, 2, exclude_own)
    bank.clip_ids.fill_(UNKNOWN)
    assert bank.is_negative(torch.tensor([0, 5])).all()


def test_ids_of_63_bits_are_told_apart():
    bank = MemoryBank(3, 2)
    large = 2**63 - 2
    bank.enqueue(torch.randn(1, 3), torch.tensor([large]))
    assert bank.is_negative(torch.tensor([large, large + 1]))[:, 0].tolist() == [False, True]


def test_state_is_in_the_checkpoint():
    bank = MemoryBank(3, 5)
    bank.enqueue(torch.randn(7, 3), torch.arange(7))
    other = MemoryBank(3, 5)
    other.load_state_dict(bank.state_dict())
    for each in (bank, other):
        each.enqueue(torch.ones(2, 3), torch.tensor([70, 71]))
    for name, value in bank.state_dict().items():
        assert value.equal(other.state_dict()[name])
    assert set(bank.state_dict()) == {"keys", "clip_ids", "pointer"}


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_takes_keys_of_another_precision(dtype):
    bank = MemoryBank(3, 5)
    bank.enqueue(torch.ones(1, 3, dtype=dtype), torch.tensor([1]))
    bank.to(dtype).enqueue(torch.ones(1, 3), torch.tensor([2]))
    assert bank.keys[:2].eq(1).all()
    assert bank.clip_ids.dtype == torch.int64


def test_keeps_no_graph():
    bank = MemoryBank(3, 5)
    bank.enqueue(torch.ones(1, 3, requires_grad=True), torch.tensor([1]))
    assert not bank.keys.requires_grad


def test_an_empty_bank_is_refused():
    with pytest.raises(ValueError, match="0"):
        MemoryBank(3, 0)


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
