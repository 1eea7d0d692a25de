"""The scaling benchmark measures what it says; how fast anything is, is not tested."""

import sys

import numpy as np
import pytest

from masa_mm.pose.store import PoseStore

from toys.benchmark_toys import FOLDER, TINY, load

TINY_CONFIG = str(FOLDER.parents[1] / "configs" / "wlasl_hands" / "masa_pretrain_tiny.py")


@pytest.fixture(scope="module")
def scaling():
    return load("scaling")


def rows_of(capsys):
    """Lines of the table below its head."""
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    return [line.strip("| ").split(" | ") for line in lines[2:]]


@pytest.mark.parametrize("network", [["--cfg-options", *TINY], ["--config", TINY_CONFIG]])
def test_cost_by_length(scaling, capsys, network):
    argv = ["lengths", "--frames", "20", "40", "--batch-size", "2", "--steps", "1"]
    assert scaling.main([*argv, *network]) == 0
    short, long = rows_of(capsys)
    assert [short[0], long[0]] == ["20", "40"]
    assert all(float(cell) > 0 for cell in (*short[2:], *long[2:]))


def test_two_processes_train_together(scaling, capsys):
    argv = ["processes", "--processes", "2", "--batch-size", "2", "--steps", "2"]
    assert scaling.main([*argv, "--cfg-options", *TINY]) == 0
    ((world, of_step, *figures),) = rows_of(capsys)
    assert (world, of_step) == ("2", "4") and all(float(figure) > 0 for figure in figures)
    assert 1 <= float(figures[-1]) < 2


def test_start_by_size(scaling, capsys, tmp_path):
    argv = ["clips", "--clips", "30", "--batch-size", "4", "--folder", str(tmp_path)]
    assert scaling.main([*argv, "--cfg-options", *TINY]) == 0
    rows = {what: cells for _, what, *cells in rows_of(capsys)}
    for what in ("writing", "opening the store", "opening the data set", "reading a random clip"):
        assert rows[what][0][0].isdigit(), what
    stages = ("imports", "training set up", "first batch there", "first iteration done")
    wall = [float(rows[f"start: {stage}"][0].split()[0]) for stage in stages]
    assert wall == sorted(wall) and wall[0] > 0
    assert len(PoseStore(tmp_path / "many_30.safetensors")) == 30  # stays


def test_many_clips_are_good_clips_with_names_of_their_own(scaling, tmp_path, monkeypatch):
    many = sys.modules["many_clips"]
    monkeypatch.setattr(many, "BLOCK", 10)
    store = PoseStore(many.write_many(tmp_path / "a.safetensors", 25))
    store.check()
    assert len(set(store.ids)) == len(set(store.clip_id.tolist())) == 25
    assert store.num_frames.min() >= 4 and store.num_frames.max() <= 12
    assert store.num_frames[:10].tolist() == store.num_frames[10:20].tolist()
    np.testing.assert_array_equal(store.clip(3)[0], store.clip(23)[0])
    assert store.label.tolist() == list(range(25))


def test_a_process_that_fails_is_one_line(scaling, capsys, tmp_path, monkeypatch):
    script = tmp_path / "fails.py"
    script.write_text("raise SystemExit(3)")
    monkeypatch.setattr(scaling, "PROCESS", script)
    assert scaling.main(["processes", "--processes", "1"]) == 1
    assert "a process of the benchmark failed" in capsys.readouterr().err


# ---- projection --------------------------------------------------------------------------------


def test_a_step_by_hand(scaling):
    """Four GPUs of 1 TFLOP/s at half of it, 10 clips of 50 GFLOP each, links of 1 and 0.1 GB/s."""
    projection = sys.modules["projection"]
    rates = projection.Rates(5e10, 1e12, 0.5, 2, 1e9, 1e8, 1e-3)
    traffic = projection.Traffic(gradient_bytes=10**8, key_bytes=500)
    times = projection.step_times(rates, traffic, 4, 10)
    assert times.compute == pytest.approx(1)
    assert times.gradients == pytest.approx(2 * 0.75 * 1e8 / 1e8 + 1e-3)
    assert times.keys == pytest.approx(0.75 * 4 * 10 * 500 / 1e8 + 5e-3)
    assert times.step == pytest.approx(sum((1, times.waiting, times.gradients, times.keys)))
    assert times.overlapped == pytest.approx(times.step - 2 / 3)
    within = projection.step_times(rates, traffic, 2, 10)
    assert within.gradients == pytest.approx(2 * 0.5 * 1e8 / 1e9 + 1e-3)
    assert projection.step_times(rates, traffic, 1, 10).step == pytest.approx(1)


def test_waiting_is_what_the_fullest_has_above_the_mean(scaling):
    dealt, undealt = sys.modules["projection"].waiting_shares(8, 16)
    assert 0 <= dealt < 0.02 < undealt < 0.5


def test_the_table_counts_the_model(scaling, capsys):
    argv = ["project", "--gpus", "1", "64", "--cfg-options", *TINY]
    assert scaling.main(argv) == 0
    out = capsys.readouterr().out
    assert "key_bytes=520" in out and "| 64 | 256 |" in out
