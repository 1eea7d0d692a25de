"""The GPU benchmark runs on a CPU, and its comparison of losses is correct."""

import pytest
import torch

from toys.benchmark_toys import TINY, load_script, read_table

gpu_step = load_script("gpu_step")
SMALL = ["--batch-sizes", "4", "--batches", "1", "--compile", "no", *TINY]


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about the CPU")
def test_each_case_is_a_row(monkeypatch, capsys):
    monkeypatch.setitem(gpu_step.MATMUL_SIZE, "cpu", 64)
    argv = ["--steps", "1", "--precisions", "float32", "bfloat16", "--peak", "float32=0.5", *SMALL]
    assert gpu_step.main(argv) == 0
    out = capsys.readouterr().out
    assert out.startswith("no GPU, on the CPU; ")
    head, *rows = read_table(out)
    assert [row[:3] for row in rows] == [["4", "float32", "no"], ["4", "bfloat16", "no"]]
    figures = [dict(zip(head, row)) for row in rows]
    assert figures[0]["of the peak (MFU)"].endswith("%")
    assert figures[1]["of the peak (MFU)"] == "not given"
    # FLOPs are counted once, in float32.
    assert figures[0]["TFLOP a step"] == figures[1]["TFLOP a step"]


def test_losses_of_two_precisions_are_compared(capsys):
    assert gpu_step.main(["--compare", "3", *SMALL]) == 0
    _, *rows = read_table(capsys.readouterr().out)
    assert [row[:2] for row in rows] == [["loss", "3"], ["loss_motion", "3"], ["loss_align", "3"]]
    assert all(row[4].endswith("%") for row in rows)


def test_comparison_by_hand():
    """The second 20 of 40 steps differ by 10 % and are three times as large."""
    exact = torch.cat([torch.ones(20), torch.full((20,), 3.0)]).double()
    other = torch.cat([torch.ones(20), torch.full((20,), 3.3)]).double()
    assert gpu_step.compare(exact, other) == ("2", "2.15", "7.50 %", "10.00 %")
    zeros = torch.zeros(5).double()
    assert gpu_step.compare(zeros, zeros)[2:] == ("0.00 %", "0.00 %")


def test_a_precision_changes_only_the_wrapper():
    config = gpu_step.common.read_config(gpu_step.CONFIG, {})
    plain = gpu_step.with_dtype(config, torch.float32)
    half = gpu_step.with_dtype(config, torch.bfloat16)
    assert plain["type"] == "OptimWrapper" and not plain.keys() & {"dtype", "loss_scale"}
    assert half["dtype"] is torch.bfloat16 and half["loss_scale"] == dict(enabled=False)
    for name in ("optimizer", "paramwise_cfg"):
        assert plain[name] == half[name] == config.optim_wrapper[name]


@pytest.mark.parametrize("peak, problem", [("fp8=1", "fp8 is none of"), ("989", "takes PRECISION")])
def test_an_unknown_peak_is_refused(capsys, peak, problem):
    with pytest.raises(SystemExit):
        gpu_step.parse_args(["--peak", peak])
    assert problem in capsys.readouterr().err
