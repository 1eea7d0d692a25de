"""Arrays of a pickle agree with their bytes, whatever the pickle says."""

import pickle

import numpy as np
import pytest

from masa_mm.pose.safe_pickle import UnsafePickleError, loads_pickle

from toys.pickle_toys import Raw, array, build, call, dtype, name, pickled

LIES = {
    "itemsize": array(kind=dtype(size=2**20)),
    "itemsize of text": array((2,), dtype("U3", size=2**20, align=4), bytes(24)),
    "fields": array(kind=dtype(names=("a",), fields={"a": 1})),
    "flags of objects": array(kind=dtype(flags=63)),
    "part of another dtype": array(kind=dtype(sub=(call("numpy dtype", "f4"), (1000,)))),
    "structure": array((3,), dtype("V8", "|", size=8, align=1)),
    "structure by code": array((3,), dtype("i4,i4")),
    "dates": array((3,), dtype("M8[s]")),
    "an order": array(kind=dtype(order="x")),
    "more bytes than given": array((2, 4)),
    "a product beyond 64 bits": array((2**32, 2**32)),
    "a negative side": array((-2, -3)),
    "sides of another type": array((2.0, 3)),
    "empty and yet large": array((0, 2**60), data=b""),
    "objects as numbers": array(data=[1.0] * 6),
    "numbers as objects": array(kind=dtype("O", "|", flags=63)),
    "fewer objects": array((9,), dtype("O", "|", flags=63), [None]),
    "a list as bytes": array(data=[1] * 24),
    "truth values of 2": array((4,), dtype("b1", "|"), b"\2\2\2\2"),
    "characters beyond Unicode": array((1,), dtype("U1", size=4, align=4), b"\xff" * 4),
    "a state twice": build(array(), (1, (9,), dtype(), False, bytes(36))),
    "a state of a dtype twice": array(kind=build(dtype(), (3, ">", None, None, None, -1, -1, 0))),
    "a subclass": call("numpy.core.multiarray _reconstruct", name("numpy dtype"), (0,), b"b"),
    "a short scalar": call("numpy.core.multiarray scalar", dtype("f8"), b"1234"),
    "an object as scalar": call("numpy.core.multiarray scalar", dtype("O", "|"), b"12345678"),
    "a short buffer": call("numpy._core.numeric _frombuffer", b"1234", dtype("f8"), (1,), "C"),
    "objects in a buffer": call(
        "numpy._core.numeric _frombuffer", bytes(8), dtype("O", "|"), (1,), "C"
    ),
    "axes": call("numpy._core.numeric _frombuffer", bytes(8), dtype("f8"), (1,), "K", (5,)),
    "items for an array": Raw(array().code + b"K\x00K\x01s"),
    "elements for an array": Raw(array().code + b"K\x01a"),
    "a state for a list": build(Raw(b"]"), {"a": 1}),
    "a state for a name": build(name("numpy ndarray"), {"a": 1}),
    "attributes": build(call("collections OrderedDict"), {"items": 1}),
    "objects within objects": array(
        (1,),
        dtype("O", "|", flags=63),
        Raw(b"](" + array((1,), dtype("O", "|", flags=63), [None]).code + b"e"),
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_refused_in_one_line(lie):
    with pytest.raises(UnsafePickleError) as caught:
        loads_pickle(pickled(LIES[lie]), "a.pkl")
    assert str(caught.value).startswith("a.pkl: ") and len(str(caught.value).splitlines()) == 1


def test_without_lies_the_same_pickle_is_read():
    assert np.array_equal(loads_pickle(pickled(array())), np.zeros((2, 3), np.float32))
    swapped = loads_pickle(pickled(array((1,), dtype("f4", ">"), b"\x3f\x80\0\0")))
    assert swapped.dtype.kind == "f" and swapped.tolist() == [1]
    text = array((1,), dtype("U2", size=8, align=4), "ab".encode("utf-32-le"))
    assert loads_pickle(pickled(text)).tolist() == ["ab"]


def test_orders_of_memory_are_kept():
    values = np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1)
    for protocol in (2, 5):
        data = pickle.dumps([values, np.asfortranarray(values), values[::2]], protocol)
        for read, saved in zip(loads_pickle(data), (values, values, values[::2]), strict=True):
            assert np.array_equal(read, saved)


def test_arrays_of_frames_are_read():
    frames = np.empty(2, object)
    frames[:] = [np.zeros((1, 3)), np.zeros((2, 3))]
    read = loads_pickle(pickle.dumps(frames))
    assert [frame.shape for frame in read] == [(1, 3), (2, 3)]
