"""The step benchmark runs and its arithmetic holds. Covers also tools/benchmark/common.py."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from toys.benchmark_toys import TINY, load_script, read_figures

pretrain_step = load_script("pretrain_step")
common = load_script("common")


@pytest.fixture
def small_matmul(monkeypatch):
    rate = common.MatmulRate
    monkeypatch.setattr(common, "MatmulRate", lambda clock: rate(clock, size=64))


def test_prints_every_figure(small_matmul, capsys):
    argv = ["--steps", "1", "--batches", "1", "--parts", *TINY]
    assert pretrain_step.main(argv) == 0
    rows = read_figures(capsys.readouterr().out)
    figures = ("R", "step", "clips/s", "real frames/s", "FLOPs a step", "of R", "peak memory")
    for name in (*figures, "against the reference at this R"):
        assert any(digit.isdigit() for digit in rows[name]), name
    parts = [name for name, _ in pretrain_step.PARTS.values()]
    for name in (*parts, "optimizer", "momentum copy"):
        assert "ms" in rows[name], name


def test_clips_of_one_length(small_matmul, capsys):
    argv = ["--lengths", "20", "--batch-size", "2", "--steps", "1", "--batches", "1", *TINY]
    assert pretrain_step.main(argv) == 0
    rows = read_figures(capsys.readouterr().out)
    assert rows["frames a clip"] == "20.0 with a joint, of 20 padded"
    assert "against the reference at this R" not in rows


def test_reference_speed_at_100_gflops():
    speeds = [reference.clips_per_second(1e11) for reference in pretrain_step.REFERENCE.values()]
    assert speeds == pytest.approx([0.2857, 0.7443], abs=1e-4)


def test_lengths_have_the_stated_range_and_mean_in_every_batch():
    lengths = common.clip_lengths(160, seed=3)
    assert lengths.min() >= 30 and lengths.max() <= 150
    assert np.abs(lengths.reshape(-1, 16).mean(1) - 69).max() < 5
    assert common.clip_lengths(160, seed=3).tolist() == lengths.tolist()


def test_products_and_attention_are_counted():
    a, b = torch.rand(3, 5), torch.rand(5, 7)
    assert common.count_flops(lambda: a @ b) == 2 * 3 * 5 * 7
    q = torch.rand(2, 4, 6, 8, requires_grad=True)
    one = 2 * 2 * 4 * 6 * 6 * 8

    def attend(backward):
        out = F.scaled_dot_product_attention(q, q, q)
        if backward:
            out.sum().backward()

    assert common.count_flops(lambda: attend(False)) == 2 * one
    assert common.count_flops(lambda: attend(True)) == 7 * one


def test_padding_is_not_counted_as_frames():
    keypoint = torch.zeros(2, 1, 1, 5, 49, 3)
    keypoint[0, ..., :3, 7, 2] = 0.5
    keypoint[1, ..., 7, 2] = 0.5
    batches = [dict(inputs=dict(keypoint=keypoint))]
    assert common.describe_frames(batches) == "4.0 with a joint, of 5 padded"


def test_a_missing_or_small_store_is_one_line(tmp_path, capsys):
    path = common.write_clips(tmp_path / "few.safetensors", np.array([30, 31]))
    for store, problem in ((str(tmp_path / "gone.safetensors"), "no such"), (path, "has 2 clips")):
        assert pretrain_step.main(["--store", store, *TINY]) == 1
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert problem in line


def test_cpu_time_of_several_threads_is_refused(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    with pytest.raises(SystemExit):
        pretrain_step.parse_args(["--clock", "cpu"])
