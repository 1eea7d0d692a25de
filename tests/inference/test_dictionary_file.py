"""Damaged dictionaries and other files are refused in one line."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.errors import UserError
from masa_mm.inference.dictionary import SignDictionary
from masa_mm.inference.dictionary_file import read_dictionary, write_dictionary

from toys.dictionary_toys import ToyEncoder, toy_clip
from toys.pose_toys import make_store


def content():
    dictionary = SignDictionary(ToyEncoder(), "models/ä.onnx")
    for seed, gloss in enumerate(["book", "ü", "book"]):
        dictionary.add(gloss, toy_clip(seed))
    return dictionary.content()


def test_what_is_written_is_read(tmp_path):
    written = content()
    write_dictionary(tmp_path / "a.safetensors", written)
    read = read_dictionary(tmp_path / "a.safetensors")
    for one, other in zip(written, read, strict=True):
        np.testing.assert_array_equal(one, other)
    first = (tmp_path / "a.safetensors").read_bytes()
    write_dictionary(tmp_path / "b.safetensors", read)
    assert (tmp_path / "b.safetensors").read_bytes() == first


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_file_is_an_error_or_reads(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "a.safetensors"
    write_dictionary(path, content())
    whole = bytearray(path.read_bytes())
    end = data.draw(st.integers(0, len(whole)))
    # Most bytes are poses; the header and the small arrays are at the ends.
    place = data.draw(st.one_of(st.integers(0, 700), st.integers(0, len(whole) - 1)))
    whole[place] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.sampled_from([len(whole), end]))])
    try:
        read_dictionary(path)
    except UserError as error:
        assert str(path) in str(error) and "\n" not in str(error)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c._replace(aspect=c.aspect[:2]),
        lambda c: c._replace(embedding=c.embedding[:, :3]),
        lambda c: c._replace(embedding=np.full_like(c.embedding, np.nan)),
        lambda c: c._replace(pose=c.pose[:, :4]),
        lambda c: c._replace(names=["a", "a", "a"], glosses=["b", "b", "b"]),
        lambda c: c._replace(aspect=np.zeros_like(c.aspect)),
        lambda c: c._replace(probe=c.probe.astype(np.float64)),
    ],
)
def test_wrong_arrays_are_refused(tmp_path, change):
    write_dictionary(tmp_path / "a.safetensors", change(content()))
    with pytest.raises(UserError, match=r"a\.safetensors: a damaged dictionary \("):
        read_dictionary(tmp_path / "a.safetensors")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such dictionary"):
        read_dictionary(tmp_path / "none.safetensors")
    store = make_store(tmp_path / "store.safetensors")
    with pytest.raises(UserError, match="but no sign dictionary"):
        read_dictionary(store)
