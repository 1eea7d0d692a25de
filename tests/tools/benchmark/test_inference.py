"""The inference benchmark measures what it says; how fast anything is, is not tested."""

import pytest
import torch

from toys.benchmark_toys import load, rows_of

SMALL = ["--batch-sizes", "1", "3", "--train-batch", "2", "--repeats", "1"]
SMALL += ["--views", "2", "--multi-view-clips", "2", "--networks", "tiny"]


@pytest.fixture(scope="module")
def inference():
    return load("inference")


@pytest.fixture
def small_matmul(inference, monkeypatch):
    rate = inference.MatmulRate
    monkeypatch.setattr(inference, "MatmulRate", lambda clock: rate(clock, size=64))


@pytest.fixture
def recognition(inference):
    inference.init_default_scope("mmaction")
    args = inference.parse_args([*SMALL, "--frames", "whole"])
    return inference.Recognition(inference.NETWORKS["tiny"], args)


@pytest.mark.parametrize(
    ("frames", "precision"), [("crop", "float32"), ("whole", "float32"), ("crop", "bfloat16")]
)
def test_one_run_prints_every_figure(inference, small_matmul, capsys, frames, precision):
    assert inference.main([*SMALL, "--frames", frames, "--precision", precision]) == 0
    rows = rows_of(capsys.readouterr().out)
    paces = [
        "batch 1",
        "batch 3",
        "2 views, one forward",
        "2 views, a loop over the views",
    ]
    paces += ["finetuning step of 2"]
    paces += ["batch 3, padding left out", "batch 3, padding computed"] * (frames == "whole")
    for name in paces:
        assert "clips/s" in rows[name], name
    assert "us a clip" in rows["metric"]
    if precision == "float32":
        assert float(rows["2 views, scores differ by"].split()[0]) < 1e-4


def test_clips_are_whole_or_the_configs_crop(inference, recognition):
    frames = recognition.batch(6)["inputs"]["keypoint"].shape[3]
    assert frames > 64
    recognition.args.frames = "crop"
    assert recognition.batch(6, views=3)["inputs"]["keypoint"].shape[:4] == (6, 3, 1, 32)


def test_the_padded_form_is_the_same_network(recognition):
    """A clip without padding gets the same scores from both."""
    batch = recognition.batch(1)
    plain = torch.stack([s.pred_score for s in recognition.predict(batch)])
    padded = torch.stack(
        [s.pred_score for s in recognition.predict(batch, recognition.all_frames())]
    )
    torch.testing.assert_close(padded, plain, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("argv", [["--repeats", "0"], ["--views", "0"], ["--networks", "huge"]])
def test_nonsense_is_refused(inference, argv):
    with pytest.raises(SystemExit):
        inference.parse_args(argv)
