"""The scaling benchmark trains in two processes, and its projection is correct."""

import pytest

from toys.benchmark_toys import TINY, load_script, read_table

scaling = load_script("scaling")


def test_two_processes_train_together(capsys):
    argv = ["processes", "--processes", "2", "--batch-size", "2", "--steps", "2", *TINY]
    assert scaling.main(argv) == 0
    _, (world, clips, *figures) = read_table(capsys.readouterr().out)
    assert (world, clips) == ("2", "4") and all(float(figure) > 0 for figure in figures)
    assert 1 <= float(figures[-1]) < 2


def test_a_failing_process_is_one_line(capsys):
    argv = ["processes", "--processes", "1", "--config", "missing.py"]
    assert scaling.main(argv) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "a process of the benchmark failed" in line and "missing.py" in line


def test_projection_by_hand():
    """Four GPUs of 1 TFLOP/s at half of it, 10 clips of 50 GFLOP each, links of 1 and 0.1 GB/s."""
    rates = scaling.Rates(5e10, 1e12, 0.5, 2, 1e9, 1e8, 1e-3)
    traffic = scaling.Traffic(gradient_bytes=10**8, key_bytes=500)
    times = scaling.step_times(rates, traffic, 4, 10)
    assert times.compute == pytest.approx(1)
    assert times.gradients == pytest.approx(2 * 0.75 * 1e8 / 1e8 + 1e-3)
    assert times.keys == pytest.approx(0.75 * 4 * 10 * 500 / 1e8 + 5e-3)
    assert times.step == pytest.approx(sum((1, times.waiting, times.gradients, times.keys)))
    assert times.overlapped == pytest.approx(times.step - 2 / 3)
    one_node = scaling.step_times(rates, traffic, 2, 10)
    assert one_node.gradients == pytest.approx(2 * 0.5 * 1e8 / 1e9 + 1e-3)
    assert scaling.step_times(rates, traffic, 1, 10).step == pytest.approx(1)


def test_balanced_batches_wait_less():
    balanced, random = scaling.waiting_shares(8, 16)
    assert 0 <= balanced < 0.02 < random < 0.5


def test_projection_counts_the_model(capsys):
    assert scaling.main(["project", "--gpus", "64", *TINY]) == 0
    out = capsys.readouterr().out
    assert "key_bytes=520" in out
    assert [row[:3] for row in read_table(out)[1:3]] == [["400", "64", "64"], ["400", "64", "256"]]
