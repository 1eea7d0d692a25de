"""The unpickler reads data of every kind it promises, and runs nothing."""

import collections
import io
import os
import pickle

import numpy as np
import pytest

from masa_mm.pose.safe_pickle import UnsafePickleError, load_pickle, loads_pickle

DATA = dict(
    arrays=[np.arange(6, dtype=np.int16).reshape(2, 3), np.ones((1, 2, 3), np.float32)[..., ::-1]],
    fortran=np.asfortranarray(np.random.default_rng(0).random((3, 4))),
    text=np.array(["a", "bc"]),
    scalars=(np.float32(1.5), np.int64(7), np.bool_(True), 3, 2.5, None, True, "ä", b"\xff"),
    containers=[{1, 2}, frozenset({3}), bytearray(b"xy"), collections.OrderedDict(a=1), 1 + 2j],
    empty=np.zeros((0, 49, 2)),
)


def same(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_data_of_every_protocol_is_read(tmp_path, protocol):
    path = tmp_path / "data.pkl"
    path.write_bytes(pickle.dumps(DATA, protocol=protocol))
    assert same(load_pickle(path), DATA)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_names_of_numpy_1_and_2_are_both_read(protocol):
    data = pickle.dumps(np.arange(3), protocol=protocol)
    for old, new in ((b"numpy._core.", b"numpy.core."), (b"numpy.core.", b"numpy._core.")):
        if protocol < 4:  # text names; a later protocol writes their length
            data = data.replace(old, new)
        assert np.array_equal(loads_pickle(data), np.arange(3))


class Evil:
    def __init__(self, call, *args):
        self.call, self.args = call, args

    def __reduce__(self):
        return self.call, self.args


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("where", ["alone", "in a list", "in an object array"])
def test_a_malicious_pickle_does_not_run(tmp_path, protocol, where):
    victim = tmp_path / "victim"
    evil = Evil(os.system, f"touch {victim}")
    wrapped = {"alone": evil, "in a list": [1, evil]}.get(where)
    if wrapped is None:
        wrapped = np.array([evil, 1], dtype=object)
    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps(wrapped, protocol=protocol))
    with pytest.raises(UnsafePickleError) as caught:
        load_pickle(path)
    assert not victim.exists()
    message = str(caught.value)
    assert message.startswith(str(path)) and "system" in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    "call",
    [
        Evil(eval, "1 + 1"),
        Evil(getattr, dict, "keys"),
        Evil(np.load, "file.npy"),
        Evil(np.fromfile, "file"),
        Evil(__import__, "os"),
        Evil(collections.Counter, "abc"),
        Evil(io.BytesIO, b""),
    ],
)
def test_other_callables_are_refused(call):
    with pytest.raises(UnsafePickleError, match="more than arrays"):
        loads_pickle(pickle.dumps(call))


def test_dotted_names_do_not_reach_around_the_list():
    # Protocol 4 looks up "ndarray.tofile" within an allowed module.
    data = b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93."
    with pytest.raises(UnsafePickleError, match=r"ndarray\.tofile"):
        loads_pickle(data)


def test_codecs_that_are_not_text_are_refused():
    data = b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00zipt R.".replace(b"t R", b"tR")
    with pytest.raises(UnsafePickleError, match="zip"):
        loads_pickle(data)


def test_persistent_references_are_refused():
    with pytest.raises(UnsafePickleError, match="another file"):
        loads_pickle(b"Pelsewhere\n.")


def test_damaged_files_are_named(tmp_path):
    whole = pickle.dumps(DATA)
    path = tmp_path / "a.pkl"
    for data in (b"", whole[:-1], whole[: len(whole) // 2], b"\x80\x63."):
        path.write_bytes(data)
        with pytest.raises(UnsafePickleError, match="not a complete pickle") as caught:
            load_pickle(path)
        assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_pickle(tmp_path / "missing.pkl")


def test_what_a_damaged_pickle_says_stays_one_line():
    with pytest.raises(UnsafePickleError) as caught:
        loads_pickle(b"F\x00\x01\n\r" + b"x" * 1000 + b"\n.")
    with pytest.raises(UnsafePickleError) as other:
        loads_pickle(b"Fa\x0bb\x0cc\rd\n.")
    for error in (caught, other):
        message = str(error.value)
        assert len(message.splitlines()) == 1 and len(message) < 200 and "copy it again" in message


def test_what_is_no_pickle_at_all_is_called_what_it_is(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(b"PK\x03\x04 a zip")
    with pytest.raises(UnsafePickleError, match=r"a\.pkl: not a pickle but a zip archive; unpack"):
        load_pickle(path)
    with pytest.raises(FileNotFoundError, match="a folder; give a file"):
        load_pickle(tmp_path)
