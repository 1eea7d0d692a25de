"""The data benchmark measures what it says; how fast anything is, is not tested."""

import importlib
import mmap
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from toys.paths import ROOT
from toys.pose_toys import make_store

needs_proc = pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs /proc")


@pytest.fixture(scope="module")
def pose_store():
    # By its name on the path: workers that do not fork must find it too.
    sys.path.insert(0, str(ROOT / "tools" / "benchmark"))
    return importlib.import_module("pose_store")


@pytest.fixture
def data(tmp_path):
    """Small files in the format of wlasl_hands."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        np.savez(
            tmp_path / f"wlasl_hands_{split}.npz",
            keypoint=rng.integers(2000, 8000, (90, 42, 2)).astype(np.int16),
            num_frames=np.array([40, 20, 30], np.int32),
            video_id=np.array(["00011", "00022", "00033"]),
            label=np.array([0, 1, 1], np.int32),
            signer=np.array([4, -1, 5], np.int32),
        )
    (tmp_path / "wlasl_class_list.txt").write_text("0\tbook\n1\tdrink\n")
    return tmp_path


def test_one_run_measures_everything(pose_store, data, capsys):
    kept = data / "stores"
    argv = [str(data), "--repeats", "1", "--workers", "2", "--keep", str(kept)]
    assert pose_store.main(argv) == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    words = ("converting 6 clips, 180 frames", "peak memory", "opening", "random clip")
    for word in (*words, "2 workers", "worker's own", "cropping 90 frames"):
        assert any(word in line for line in table), word
    names = ["wlasl_hands_train.safetensors", "wlasl_hands_val.safetensors"]
    assert sorted(path.name for path in kept.iterdir()) == names


def test_what_is_missing_is_one_line(pose_store, tmp_path, capsys):
    assert pose_store.main([str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "wlasl_hands_train.npz: no such file" in line


@needs_proc
def test_private_and_shared_pages_are_told_apart(pose_store, tmp_path):
    """A private mapping that is written to counts as the process's own, what is read does not."""
    path = tmp_path / "file"
    page = mmap.PAGESIZE
    path.write_bytes(b"x" * 8 * page)
    with open(path, "rb") as file:
        os.fsync(file.fileno())  # what is still to be written to the disk counts as dirty
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        assert sum(mapping[n * page] for n in range(8)) == 8 * ord("x")
        mapping[0:2] = b"yy"
        mapping[3 * page] = 0
        found = pose_store.mapped_kilobytes(os.getpid(), path)
        mapping.close()
    assert found["Private_Dirty"] == 2 * page / 1024
    assert found["Rss"] == 8 * page / 1024
    assert pose_store.mapped_kilobytes(os.getpid(), tmp_path / "other")["Rss"] == 0


def test_the_store_read_by_workers_is_the_one_given(pose_store, tmp_path):
    path = Path(make_store(tmp_path / "a.safetensors"))
    touched = pose_store._Touched(path)
    assert len(touched) == 4 and touched[0] == os.getpid()


def test_the_table_says_what_is_missed(pose_store):
    rows = [
        pose_store.Row("a", "1 s", "< 2 s", True),
        pose_store.Row("b", "3 s", "< 2 s", False),
        pose_store.Row("c", "4 MB"),
    ]
    assert pose_store.table(rows).splitlines()[2:] == [
        "| a | 1 s | < 2 s | yes |",
        "| b | 3 s | < 2 s | NO |",
        "| c | 4 MB |  |  |",
    ]
