"""SyncStatisticsHook: all processes have the same BatchNorm statistics between epochs."""

import os
import subprocess
import sys
from types import SimpleNamespace
from unittest import mock

import pytest
import torch

from masa_mm.engine.hooks import sync_statistics_hook
from masa_mm.engine.hooks.sync_statistics_hook import SyncStatisticsHook, average_statistics

from toys.paths import ROOT
from toys.two_statistics import WORLD, network


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """By process: the network before and after averaging, in two steps."""
    folder = tmp_path_factory.mktemp("two")
    script = ROOT / "tests/toys/two_statistics.py"
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(folder), str(rank)],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )
        for rank in range(WORLD)
    ]
    try:
        assert [process.wait(timeout=180) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    return [torch.load(folder / f"found.{rank}") for rank in range(WORLD)]


@pytest.mark.parametrize("step", [0, 1])
def test_both_processes_have_the_mean_of_their_statistics(found, step):
    before, after = [f[2 * step] for f in found], [f[2 * step + 1] for f in found]
    for layer in ("rows", "images"):
        for name in ("running_mean", "running_var"):
            values = [state[f"{layer}.{name}"] for state in before]
            assert not values[0].equal(values[1])
            for state in after:
                torch.testing.assert_close(
                    state[f"{layer}.{name}"], sum(values) / WORLD, rtol=0, atol=0
                )
        assert all(state[f"{layer}.num_batches_tracked"].dtype == torch.int64 for state in after)
    assert after[0]["rows.num_batches_tracked"] == (1, 3)[step]


def test_no_other_buffer_changes(found):
    """The ids of clips have 63 bits, whose sum would overflow."""
    for rank, states in enumerate(found):
        for state in states:
            assert state["bank.clip_ids"].unique().tolist() == [2**62 + rank]
            assert state["bank.keys"].unique().tolist() == [rank]


def test_a_single_process_keeps_its_statistics():
    model = network()
    model["rows"](torch.randn(4, 3))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    average_statistics(model)
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())


def test_it_averages_once_after_a_change():
    """Averaging equal numbers of many processes again could change the last bit."""
    hook, runner = SyncStatisticsHook(), SimpleNamespace(model=None)
    with mock.patch.object(sync_statistics_hook, "average_statistics") as average:
        hook.before_val_epoch(runner)
        assert average.call_count == 0
        hook.after_train_iter(runner, 0)
        hook.after_train_epoch(runner)
        hook.before_val_epoch(runner)
        assert average.call_count == 1
        hook.after_train_iter(runner, 0)
        hook.before_val_epoch(runner)
        assert average.call_count == 2
