"""The figure is that of the run's own log."""

import json

import pytest

from toys.benchmark_toys import TINY, load, rows_of


@pytest.fixture(scope="module")
def data_time():
    return load("data_time")


def test_a_run_is_made_and_read(data_time, capsys):
    argv = ["--steps", "4", "--batch-size", "2", "--workers", "0", "--cfg-options", *TINY]
    assert data_time.main(argv) == 0
    rows = rows_of(capsys.readouterr().out)
    assert rows["steps"] == "2"
    assert "aim: under 2 %" in rows["of the time"]


def test_the_share_is_of_the_steps_that_count(data_time, tmp_path):
    folder = tmp_path / "run" / "vis_data"
    folder.mkdir(parents=True)
    steps = [dict(time=9.0, data_time=8.0, step=1), dict(time=7.0, data_time=6.0, step=2)]
    steps += [dict(time=1.0, data_time=0.01, step=3), dict(time=3.0, data_time=0.05, step=4)]
    lines = [*map(json.dumps, steps), json.dumps({"sign/top1_pi": 0.5})]
    (folder / "scalars.json").write_text("\n".join(lines))
    rows = dict(data_time.rows(data_time.read_log(tmp_path)))
    assert rows["steps"] == "2"
    assert rows["of the time"].startswith("1.50 %")


def test_steps_that_do_not_count_are_not_all(data_time):
    with pytest.raises(SystemExit):
        data_time.parse_args(["--steps", "2"])
