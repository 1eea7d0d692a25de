"""The GPU's step benchmark does on a CPU what it says; how fast anything is, is not tested."""

import pytest
import torch

from toys.benchmark_toys import TINY, load

SMALL = ["--batch-sizes", "4", "--batches", "1", "--compile", "no"]


@pytest.fixture(scope="module")
def gpu_step():
    return load("gpu_step")


def cells(text):
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about the CPU")
def test_each_case_is_a_line_and_says_what_it_was_run_on(gpu_step, monkeypatch, capsys):
    monkeypatch.setitem(gpu_step._SIDE, "cpu", 64)
    argv = [*SMALL, "--steps", "1", "--precisions", "float32", "bfloat16"]
    assert gpu_step.main([*argv, "--peak", "float32=0.5", "--cfg-options", *TINY]) == 0
    out = capsys.readouterr().out
    assert out.startswith("no GPU, on the CPU; ")
    head, *lines = cells(out)
    assert [line[:3] for line in lines] == [["4", "float32", "no"], ["4", "bfloat16", "no"]]
    for name, *found in zip(head[3:9], *(line[3:9] for line in lines)):
        assert all(any(digit.isdigit() for digit in cell) for cell in found) or "MFU" in name
    mfu = head.index("of the peak (MFU)")
    assert lines[0][mfu].endswith("%") and lines[1][mfu] == "not given"
    # FLOPs are those of the network, whatever it computes with.
    assert lines[0][head.index("TFLOP a step")] == lines[1][head.index("TFLOP a step")]


def test_losses_of_two_precisions_are_held_together(gpu_step, capsys):
    assert gpu_step.main([*SMALL, "--compare", "3", "--cfg-options", *TINY]) == 0
    head, *lines = cells(capsys.readouterr().out)
    assert head[:2] == ["loss", "steps"]
    assert [line[:2] for line in lines] == [
        ["loss", "3"],
        ["loss_motion", "3"],
        ["loss_align", "3"],
    ]
    assert all(line[4].endswith("%") for line in lines)


def test_the_comparison_by_hand(gpu_step):
    """40 steps, the second 20 of which are 10 % apart and weigh three times as much."""
    exact = torch.cat([torch.ones(20), torch.full((20,), 3.0)]).double()
    other = torch.cat([torch.ones(20), torch.full((20,), 3.3)]).double()
    assert gpu_step.compare(exact, other) == ("2", "2.15", "7.50 %", "10.00 %")
    nothing = torch.zeros(5).double()
    assert gpu_step.compare(nothing, nothing)[2:] == ("0.00 %", "0.00 %")


def test_only_the_type_and_the_numbers_of_the_wrapper_change(gpu_step):
    config = gpu_step.read_config(str(gpu_step.CONFIG), [])
    plain = gpu_step.in_precision(config, torch.float32)
    half = gpu_step.in_precision(config, torch.bfloat16)
    assert plain["type"] == "OptimWrapper" and not plain.keys() & {"dtype", "loss_scale"}
    assert half["dtype"] is torch.bfloat16 and half["loss_scale"] == dict(enabled=False)
    same = ("optimizer", "paramwise_cfg")
    assert all(plain[name] == half[name] == config.optim_wrapper[name] for name in same)


@pytest.mark.parametrize("peak, problem", [("fp8=1", "fp8 is none of"), ("989", "takes PRECISION")])
def test_a_peak_of_nothing_is_refused(gpu_step, capsys, peak, problem):
    with pytest.raises(SystemExit):
        gpu_step.parse_args(["--peak", peak])
    assert problem in capsys.readouterr().err
