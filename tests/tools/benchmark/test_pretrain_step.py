"""The step benchmark measures what it says; how fast anything is, is not tested."""

import sys

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from toys.benchmark_toys import TINY, load, rows_of


@pytest.fixture(scope="module")
def pretrain_step():
    return load("pretrain_step")


@pytest.fixture(scope="module")
def synthetic_clips(pretrain_step):
    return sys.modules["synthetic_clips"]


@pytest.fixture
def small_matmul(pretrain_step, monkeypatch):
    rate = pretrain_step.MatmulRate
    monkeypatch.setattr(pretrain_step, "MatmulRate", lambda clock: rate(clock, size=64))


def test_one_run_prints_every_figure(pretrain_step, small_matmul, capsys):
    argv = ["--steps", "1", "--batches", "1", "--parts", "--cfg-options", *TINY]
    assert pretrain_step.main(argv) == 0
    rows = rows_of(capsys.readouterr().out)
    figures = ("R", "step", "clips/s", "real frames/s", "FLOPs a step", "of R", "peak memory")
    for name in (*figures, "against the reference at this R"):
        assert any(digit.isdigit() for digit in rows[name]), name
    parts = [name for name, _ in pretrain_step.PARTS.values()]
    for name in (*parts, "optimizer", "momentum copy"):
        assert "ms" in rows[name], name


def test_the_ratio_is_that_of_the_issues_figures(pretrain_step):
    """At 100 GFLOP/s the release makes 0.5 x 100 / 175 clips a second."""
    assert pretrain_step.REFERENCE["real"].clips_per_second(1e11) == pytest.approx(0.2857, abs=1e-4)
    assert pretrain_step.REFERENCE["full"].clips_per_second(1e11) == pytest.approx(0.7443, abs=1e-4)


def test_lengths_are_as_promised_in_every_batch(synthetic_clips):
    lengths = synthetic_clips.clip_lengths(160, seed=3)
    assert lengths.min() >= 30 and lengths.max() <= 150
    means = lengths.reshape(-1, 16).mean(1)
    assert means.mean() == pytest.approx(69, abs=1)
    assert np.abs(means - 69).max() < 5
    assert synthetic_clips.clip_lengths(160, seed=3).tolist() == lengths.tolist()
    # A random batch is about half padding.
    assert 0.4 < 69 / lengths.reshape(-1, 16).max(1).mean() < 0.6


def test_products_and_attention_are_counted(pretrain_step):
    a, b = torch.rand(3, 5), torch.rand(5, 7)
    assert pretrain_step.count_flops(lambda: a @ b) == 2 * 3 * 5 * 7
    q = torch.rand(2, 4, 6, 8, requires_grad=True)
    one = 2 * 2 * 4 * 6 * 6 * 8

    def attend(backward):
        out = F.scaled_dot_product_attention(q, q, q)
        if backward:
            out.sum().backward()

    assert pretrain_step.count_flops(lambda: attend(False)) == 2 * one
    assert pretrain_step.count_flops(lambda: attend(True)) == 7 * one


def test_padding_is_not_among_the_real_frames(pretrain_step):
    keypoint = torch.zeros(2, 1, 1, 5, 49, 3)
    keypoint[0, ..., :3, 7, 2] = 0.5
    keypoint[1, ..., 7, 2] = 0.5
    batches = [dict(inputs=dict(keypoint=keypoint))]
    assert pretrain_step.mean_frames(batches) == 4
    assert pretrain_step.padded(batches) == 5


def test_a_store_that_is_missing_or_too_small_is_one_line(
    pretrain_step, synthetic_clips, tmp_path, capsys
):
    path = synthetic_clips.write_clips(tmp_path / "few.safetensors", np.array([30, 31]))
    for store, problem in ((str(tmp_path / "gone.safetensors"), "no such"), (path, "has 2 clips")):
        assert pretrain_step.main(["--store", store, "--cfg-options", *TINY]) == 1
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert problem in line


def test_cpu_time_of_several_threads_is_refused(pretrain_step, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    with pytest.raises(SystemExit):
        pretrain_step.parse_args(["--clock", "cpu"])


def test_data_path_prints_every_step(pretrain_step, capsys):
    data_path = load("data_path")
    assert data_path.main(["--clips", "8", "--batch-size", "4", "--repeats", "1"]) == 0
    rows = rows_of(capsys.readouterr().out)
    steps = ("reading", "AlignmentViews", "MotionAwareMasking", "PackSignInputs", "collation")
    for name in ("clips/s, one core", *steps, "peak memory"):
        assert name in rows, name


def test_data_path_needs_a_batch_of_clips(pretrain_step, capsys):
    assert load("data_path").main(["--clips", "3", "--batch-size", "4"]) == 1
    assert "fewer than a batch" in capsys.readouterr().err
