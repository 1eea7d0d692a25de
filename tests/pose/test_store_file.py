"""Files of arrays by plain system calls: equal to the library's, and errors instead of SIGBUS."""

import copy
import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from masa_mm.pose import store_file
from masa_mm.pose.store import PoseStore
from masa_mm.pose.store_file import Part, StoreFile, write_safetensors
from masa_mm.pose.store_format import PoseStoreError

from toys.paths import ROOT
from toys.pose_toys import arrays, make_store

ARRAYS = dict(
    b=np.arange(6, dtype=np.float16).reshape(3, 2),
    a=np.arange(3, dtype=np.float32),
    offset=np.arange(4),
    size=np.ones((2, 2), np.int32),
    none=np.zeros((0, 49, 2), np.float16),
    text=np.frombuffer(b"gr\xc3\xb6\xc3\x9fe", np.uint8),
)
METADATA = dict(entry='{"größe": 1}')


@pytest.fixture
def path(tmp_path):
    parts = {name: Part.of(array) for name, array in ARRAYS.items()}
    write_safetensors(tmp_path / "a.safetensors", parts, METADATA)
    return tmp_path / "a.safetensors"


def test_files_are_those_of_the_library(path):
    assert path.read_bytes() == save(ARRAYS, METADATA)
    file = StoreFile(path)
    assert file.metadata == METADATA and file.arrays.keys() == ARRAYS.keys()
    for name, want in load_file(path).items():
        rows = file.arrays[name]
        assert (rows.shape, rows.dtype, len(rows)) == (want.shape, want.dtype, len(want))
        for index in (slice(None), slice(1, 3), slice(2, 1), slice(None, None, 2), ...):
            np.testing.assert_array_equal(rows[index], want[index])
        np.testing.assert_array_equal(np.asarray(rows), want)


def test_arrays_are_read_only(path):
    with pytest.raises(ValueError, match="read-only"):
        StoreFile(path).arrays["a"][:][0] = 1


@pytest.mark.parametrize("keep", [0, 7, 8, 100, -1])
def test_truncated_files_are_refused(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(PoseStoreError, match=r"not a complete safetensors file .*copy it again"):
        StoreFile(path)


ENTRY = dict(dtype="F32", shape=[1], data_offsets=[0, 4])


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"{",
        b"[" * 5000,
        b"\xff",
        dict(a=1),
        dict(a=ENTRY | dict(dtype="F8_E4M3")),
        dict(a=ENTRY | dict(dtype=[])),
        dict(a=ENTRY | dict(shape=1)),
        dict(a=ENTRY | dict(shape=["1"])),
        dict(a=ENTRY | dict(shape=[-1, -1])),
        dict(a=ENTRY | dict(shape=[10**30])),
        dict(a=ENTRY | dict(shape=[2])),
        dict(a=ENTRY | dict(shape=[1.0])),
        dict(a=ENTRY | dict(data_offsets=[0])),
        dict(a=ENTRY | dict(data_offsets=[-4, 0])),
        dict(a=ENTRY | dict(data_offsets=[4, 0])),
        dict(a=ENTRY | dict(data_offsets=[10**20, 10**20 + 4])),
        dict(a=ENTRY | dict(data_offsets=dict(x=1, y=2))),
    ],
)
def test_hostile_headers_are_refused(tmp_path, header):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    (tmp_path / "a").write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    with pytest.raises(PoseStoreError, match="not a complete safetensors file"):
        StoreFile(tmp_path / "a")


def test_without_pread(path, monkeypatch):
    monkeypatch.setattr("masa_mm.pose.store_file._read_at", store_file._seek_and_read)
    np.testing.assert_array_equal(StoreFile(path).arrays["offset"][1:3], ARRAYS["offset"][1:3])


def test_a_file_longer_than_one_read(path, monkeypatch):
    monkeypatch.setattr("masa_mm.pose.store_file._MAX_READ", 5)
    np.testing.assert_array_equal(StoreFile(path).arrays["offset"][:], ARRAYS["offset"])


def truncated(path):
    os.truncate(path, os.path.getsize(path) // 2)


def overwritten(path):
    with open(path, "r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"\1\1\1\1")
    os.utime(path, ns=(1, 1))  # a clock as coarse as the test is fast


def emptied(path):
    open(path, "w").close()


CHANGES = [truncated, overwritten, emptied]


@pytest.mark.parametrize("change", CHANGES)
def test_a_store_that_is_changed_in_use_is_an_error(tmp_path, change):
    path = make_store(tmp_path / "a.safetensors")
    store = PoseStore(path)
    pickled = pickle.dumps(store)
    store.info(3)
    change(path)
    for read in (store.info, store.clip):
        with pytest.raises(PoseStoreError, match="was changed while it is in use") as caught:
            read(3)
        assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)
    with pytest.raises(PoseStoreError, match="was changed"):
        pickle.loads(pickled)


def test_a_store_that_is_replaced_in_use_keeps_its_content(tmp_path):
    path = make_store(tmp_path / "a.safetensors")
    store = PoseStore(path)
    pickled, before = pickle.dumps(store), store.info(3)
    os.replace(make_store(tmp_path / "b.safetensors", **arrays((5, 5))), path)
    np.testing.assert_array_equal(store.info(3)["keypoint"], before["keypoint"])
    np.testing.assert_array_equal(copy.deepcopy(store).info(3)["keypoint"], before["keypoint"])
    with pytest.raises(PoseStoreError, match="was changed"):  # a worker that is started anew
        pickle.loads(pickled)
    assert len(PoseStore(path)) == 2


def test_a_disk_that_fails_is_named(path, monkeypatch):
    file = StoreFile(path)

    def stale(*args):
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr("masa_mm.pose.store_file._read_at", stale)
    with pytest.raises(PoseStoreError, match=r"a\.safetensors: cannot be read \(Stale file"):
        file.arrays["a"][:]


TRAINING = """
import os, sys
from torch.utils.data import DataLoader
from masa_mm.datasets import SignPoseDataset
dataset = SignPoseDataset(sys.argv[1], [])
loader = DataLoader(dataset, 1, num_workers=int(sys.argv[2]), collate_fn=lambda clips: clips)
for epoch in range(2):
    for clip in loader:
        pass
    os.truncate(sys.argv[1], 0)
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_the_process_that_reads_a_truncated_store_does_not_die(tmp_path, workers):
    path = make_store(tmp_path / "a.safetensors", **arrays([200] * 8))
    done = subprocess.run(
        [sys.executable, "-c", TRAINING, path, str(workers)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "was changed while it is in use" in done.stderr
    assert "PoseStoreError" in done.stderr and "bus error" not in done.stderr.lower()
