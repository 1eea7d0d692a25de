"""Each mode of the data benchmark runs and prints its table."""

import json

import numpy as np
import pytest

from masa_mm.pose.store import PoseStore

from toys.benchmark_toys import TINY, load_script, read_figures
from toys.pose_toys import make_store

data_path = load_script("data_path")


def test_batches(capsys):
    assert data_path.main(["--clips", "8", "--batch-size", "4", "--repeats", "1"]) == 0
    rows = read_figures(capsys.readouterr().out)
    steps = ("reading", "AlignmentViews", "MotionAwareMasking", "PackSignInputs", "collation")
    for name in ("clips/s, one core", *steps, "peak memory"):
        assert name in rows, name


def test_batches_need_enough_clips(capsys):
    assert data_path.main(["--clips", "3", "--batch-size", "4"]) == 1
    assert "fewer than a batch" in capsys.readouterr().err


def test_store(tmp_path, capsys):
    path = make_store(tmp_path / "toy.safetensors")
    for argv, clips in ((["--clips", "30"], 30), (["--store", path], 4)):
        assert data_path.main(["store", "--repeats", "1", *argv]) == 0
        rows = read_figures(capsys.readouterr().out)
        assert rows["size"].startswith(f"{clips} clips")
        assert rows["opening the store"].endswith("ms")
        assert "us" in rows["a random clip as float32 results"]


def test_short_clips_are_valid(tmp_path, monkeypatch):
    monkeypatch.setattr(data_path, "BLOCK", 10)
    path = tmp_path / "clips.safetensors"
    data_path.write_short_clips(str(path), 25, seed=0)
    store = PoseStore(path)
    store.check()
    assert len(set(store.ids)) == 25
    np.testing.assert_array_equal(store.clip(3)[0], store.clip(23)[0])


def test_wait(capsys):
    argv = ["wait", "--steps", "4", "--batch-size", "2", "--workers", "0", *TINY]
    assert data_path.main(argv) == 0
    assert read_figures(capsys.readouterr().out)["steps"] == "2"


def test_wait_leaves_out_the_warm_up(tmp_path):
    folder = tmp_path / "run" / "vis_data"
    folder.mkdir(parents=True)
    steps = [dict(time=9.0, data_time=8.0), dict(time=7.0, data_time=6.0)]
    steps += [dict(time=1.0, data_time=0.01), dict(time=3.0, data_time=0.05)]
    lines = [*map(json.dumps, steps), json.dumps({"sign/top1_pi": 0.5})]
    (folder / "scalars.json").write_text("\n".join(lines))
    assert dict(data_path.summarize_log(tmp_path))["of the time"] == "1.50 %"


@pytest.mark.parametrize("argv", [["wait", "--steps", "2"], ["wait", "--store", "x.safetensors"]])
def test_bad_options_are_refused(argv):
    with pytest.raises(SystemExit):
        data_path.parse_args(argv)
