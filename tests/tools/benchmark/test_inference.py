"""The inference benchmark runs and prints its table."""

import pytest

from toys.benchmark_toys import load_script, read_figures

inference = load_script("inference")
SMALL = ["--batch-sizes", "1", "3", "--train-batch", "2", "--repeats", "1"]
SMALL += ["--views", "2", "--multi-view-clips", "2", "--networks", "tiny"]


@pytest.fixture
def small_matmul(monkeypatch):
    rate = inference.common.MatmulRate
    monkeypatch.setattr(inference.common, "MatmulRate", lambda clock: rate(clock, size=64))


@pytest.mark.parametrize("frames, precision", [("whole", "float32"), ("crop", "bfloat16")])
def test_prints_every_figure(small_matmul, capsys, frames, precision):
    assert inference.main([*SMALL, "--frames", frames, "--precision", precision]) == 0
    rows = read_figures(capsys.readouterr().out)
    views = ("2 views, one forward", "2 views, a loop over the views")
    for name in ("batch 1", "batch 3", *views, "finetuning step of 2"):
        assert "clips/s" in rows[name], name
    assert "us a clip" in rows["metric"]
    padded = int(rows["batch 3, frames"].split()[-2])
    assert padded == 32 if frames == "crop" else padded > 64


@pytest.mark.parametrize("argv", [["--repeats", "0"], ["--views", "0"], ["--networks", "huge"]])
def test_bad_options_are_refused(argv):
    with pytest.raises(SystemExit):
        inference.parse_args(argv)
