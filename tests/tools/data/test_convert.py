"""tools/data/convert.py: subcommands, exit codes, report and notes. Readers: tests/sources."""

import errno
import os
import tempfile

import pytest

from masa_mm.pose import pose_pickle, store_writer
from masa_mm.pose.store import PoseStore
from masa_mm.preparation import convert as conversion
from masa_mm.sources import SOURCES

from toys.source_toys import annotation, convert, converted, dump, left_behind, refusal, tool

LAYOUT = ("--layout", "sign49")


@pytest.mark.parametrize("name", [*(source.name for source in SOURCES), "store"])
def test_every_subcommand_has_a_help_text(capsys, name):
    with pytest.raises(SystemExit) as stop:
        tool.main([name, "--help"])
    assert stop.value.code == 0
    assert ("--skip-bad" in capsys.readouterr().out) == (name != "store")


def test_bad_clips_are_counted_and_reported_on_request(tmp_path, capsys):
    clips = [annotation(seed=seed) for seed in range(3)]
    clips[1]["total_frames"] = clips[2]["total_frames"] = 7
    path, out = dump(tmp_path / "in.pkl", clips), tmp_path / "out.safetensors"
    assert convert("mmaction", path, out, *LAYOUT) == 1
    lines = capsys.readouterr().err.splitlines()
    assert "clip 'clip1'" in lines[0] and "clip 'clip2'" in lines[1] and len(lines) == 3
    assert lines[2] == "error: nothing written: 2 bad clips; fix them, or give --skip-bad"
    assert left_behind(tmp_path) == ["in.pkl"]
    assert convert("mmaction", path, out, *LAYOUT, "--skip-bad") == 0
    told = capsys.readouterr().out
    assert "skipped: clip 'clip1'" in told and "1 clips, 5 frames" in told and "2 skipped" in told
    assert PoseStore(out).ids == ["clip0"]
    report = (tmp_path / "out.skipped.csv").read_text().splitlines()
    assert report[0] == "id,problem,remedy" and report[1].startswith("clip1,") and len(report) == 3


OLD = {"out.safetensors": "old", "out.pkl": "old too", "out.skipped.csv": "old as well"}


@pytest.mark.parametrize("step", ["rows", "store", "pickle", "report", "rename"])
def test_a_full_disk_leaves_all_old_files(tmp_path, capsys, monkeypatch, step):
    path, out = dump(tmp_path / "in.pkl", [annotation()]), tmp_path / "out.safetensors"
    for name, text in OLD.items():
        (tmp_path / name).write_text(text)

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def last_is_full(source, target):
        full() if target == tmp_path / "out.skipped.csv" else replace(source, target)

    replace = os.replace
    where, what = {
        "rows": (tempfile, "TemporaryFile"),
        "store": (store_writer, "write_safetensors"),
        "pickle": (pose_pickle.pickle, "dump"),
        "report": (conversion.csv, "writer"),
        "rename": (os, "replace"),
    }[step]
    monkeypatch.setattr(where, what, last_is_full if step == "rename" else full)
    options = (*LAYOUT, "--skip-bad", "--pickle", str(tmp_path / "out.pkl"))
    assert convert("mmaction", path, out, *options) == 1
    monkeypatch.undo()
    (line,) = capsys.readouterr().err.splitlines()
    file = {"pickle": "out.pkl", "report": "out.skipped.csv", "rename": "out.skipped.csv"}.get(step)
    assert line == (
        f"error: {tmp_path / (file or out)}: cannot be written (No space left on device); "
        "free some space or name another file"
    )
    assert {name: (tmp_path / name).read_text() for name in OLD} == OLD
    assert left_behind(tmp_path) == sorted(["in.pkl", *OLD])
    assert convert("mmaction", path, out, *options) == 0 and len(PoseStore(out)) == 1


def test_the_report_is_empty_where_nothing_was_left_out(tmp_path):
    path, out = dump(tmp_path / "in.pkl", [annotation()]), tmp_path / "out.safetensors"
    assert convert("mmaction", path, out, *LAYOUT, "--skip-bad") == 0
    assert (tmp_path / "out.skipped.csv").read_text().splitlines() == ["id,problem,remedy"]


def test_all_clips_bad_is_an_error_with_skip_bad_too(tmp_path, capsys):
    path = dump(tmp_path / "in.pkl", [annotation() | dict(total_frames=7)])
    line = refusal(capsys, "mmaction", path, tmp_path, *LAYOUT, "--skip-bad")
    assert "clip 'clip0'" in line and "total_frames 7" in line
    path = dump(tmp_path / "in.pkl", [annotation(seed=i) | dict(total_frames=7) for i in range(2)])
    assert convert("mmaction", path, tmp_path / "out.safetensors", *LAYOUT, "--skip-bad") == 1
    assert "nothing written: 2 bad clips and no good one" in capsys.readouterr().err


@pytest.mark.parametrize(("labels", "told"), [((1, 2), True), ((0, 2), False), ((-1, -1), False)])
def test_labels_without_names_that_may_count_from_one_are_mentioned(tmp_path, capsys, labels, told):
    clips = [annotation(seed=seed) | dict(label=label) for seed, label in enumerate(labels)]
    converted("mmaction", dump(tmp_path / "in.pkl", clips), tmp_path, *LAYOUT)
    assert ("no clip has label 0: if the labels count from 1" in capsys.readouterr().out) == told


def test_the_store_subcommand_checks_its_input_and_output(tmp_path, capsys):
    store, out = tmp_path / "a.safetensors", tmp_path / "out.pkl"
    assert convert("mmaction", dump(tmp_path / "in.pkl", [annotation()]), store, *LAYOUT) == 0
    assert convert("store", store, out) == 0
    assert "1 clips in part coordinates" in capsys.readouterr().out
    assert convert("store", store, tmp_path / "out.safetensors") == 1
    assert "must end in .pkl" in capsys.readouterr().err
    assert convert("store", out, out) == 1
    assert "not a complete safetensors file" in capsys.readouterr().err
