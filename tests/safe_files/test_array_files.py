"""Arrays in files are what their headers say."""

import io
import zipfile

import numpy as np
import pytest

from masa_mm.safe_files.array_files import load_arrays

ARRAYS = dict(
    numbers=np.arange(6, dtype=">i2").reshape(2, 3),
    fortran=np.asfortranarray(np.random.default_rng(0).random((3, 4))),
    text=np.array(["a", "bc"]),
    data=np.array([b"xy"]),
    mask=np.array([True, False]),
    empty=np.zeros((0, 5)),
    scalar=np.array(2.5),
    complex=np.array([1j]),
)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_an_archive_are_read(tmp_path, save):
    save(tmp_path / "a.npz", **ARRAYS)
    read = load_arrays(tmp_path / "a.npz")
    assert read.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert read[name].dtype == array.dtype and np.array_equal(read[name], array)


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_of_its_own_is_read(tmp_path, name):
    np.save(tmp_path / "a.npy", ARRAYS[name])
    assert np.array_equal(load_arrays(tmp_path / "a.npy"), ARRAYS[name])


def npy(descr, shape, data):
    file = io.BytesIO()
    header = dict(descr=descr, fortran_order=False, shape=shape)
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + data


LIES = {
    "truth values of 2": npy("|b1", (2,), b"\2\2"),
    "characters beyond Unicode": npy("<U1", (1,), b"\xff" * 4),
    "too few bytes": npy("<f8", (2,), bytes(15)),
    "objects": npy("|O", (1,), bytes(8)),
    "a structure": npy([("a", "<f4")], (1,), bytes(4)),
    "bytes of no size": npy("|V0", (10**9,), b""),
    "text of no size": npy("<U0", (10**9,), b""),
    "a negative side": npy("<f4", (-1, -4), bytes(16)),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("packed", [False, True])
def test_lies_are_refused(tmp_path, lie, packed):
    path = tmp_path / "a.npy"
    path.write_bytes(LIES[lie])
    if packed:
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.write(path, "a.npy")
        path = tmp_path / "a.npz"
    with pytest.raises((Exception,), match=r".") as caught:
        load_arrays(path)
    assert isinstance(caught.value, (ValueError, EOFError)) or "truth" in lie or "Unicode" in lie
