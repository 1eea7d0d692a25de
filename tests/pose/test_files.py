"""Files of others are read or named, whatever has happened to them."""

import io
import json
import os
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.pose.files import (
    SourceError,
    has_array,
    read_arrays,
    read_class_list,
    read_json,
    read_npz,
    read_table,
    whole_number,
)


def saved(save, *arguments, **arrays):
    file = io.BytesIO()
    save(file, *arguments, **arrays)
    return file.getvalue()


FILES = dict(
    npy=saved(np.save, np.arange(12.0).reshape(3, 4)),
    npz=saved(np.savez, keypoint=np.ones((2, 3)), id=np.array(["a"])),
    small=saved(np.savez_compressed, keypoint=np.ones((2, 3))),
    json=json.dumps([dict(id="a", gloss="ä", keypoints=[[0.5, 1e9]])]).encode(),
    csv=b"id,label\na,1\nb,2\n",
)
READERS = dict(
    npy=read_arrays,
    npz=lambda path: (has_array(path, "id"), read_npz(path, ["keypoint"])),
    small=read_arrays,
    json=read_json,
    csv=lambda path: list(read_table(path)),
)


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_files_are_read_or_named_in_one_line(tmp_path_factory, kind, data):
    content = bytearray(FILES[kind])
    places = st.integers(0, len(content) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=4)):
        content[place] = value
    path = tmp_path_factory.mktemp("file") / "a.file"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        READERS[kind](path)
    except SourceError as error:
        assert str(error).startswith(str(path)) and len(str(error).splitlines()) == 1


@pytest.mark.parametrize("kind", FILES)
def test_whole_files_are_read(tmp_path, kind):
    path = tmp_path / "a.file"
    path.write_bytes(FILES[kind])
    assert READERS[kind](path) is not None


def test_arrays_of_objects_are_not_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(SourceError, match="not a complete npy file of plain arrays"):
        read_arrays(tmp_path / "a.npy")


def test_a_missing_array_is_named_with_those_there_are(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(2))
    with pytest.raises(SourceError, match="has no array keypoint; it has x"):
        read_npz(tmp_path / "a.npz", ["keypoint"])
    np.save(tmp_path / "a.npy", np.zeros(2))
    with pytest.raises(SourceError, match="one array, not an npz file"):
        read_npz(tmp_path / "a.npy", ["keypoint"])


def test_class_lists_may_be_zips_by_mistake(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"PK\x03\x04")
    with pytest.raises(SourceError, match="a zip archive; unpack it"):
        read_class_list(tmp_path / "list.txt")


def test_marks_of_byte_order_and_quoted_commas_are_read(tmp_path):
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbfid,gloss\r\na,"good, bye"\r\n')
    assert list(read_table(tmp_path / "a.csv")) == [dict(id="a", gloss="good, bye")]


@pytest.mark.parametrize("text", ["a\nb\n\na\n", "0\ta\n1\tb\n2\ta \n"])
def test_a_class_list_names_each_class_once(tmp_path, text):
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(SourceError, match=r"list\.txt: lines 1 and 3 are both 'a'"):
        read_class_list(tmp_path / "list.txt")


def test_a_folder_is_no_file(tmp_path):
    for read in (read_arrays, read_json, read_class_list, lambda path: list(read_table(path))):
        with pytest.raises(FileNotFoundError, match="a folder; give a file"):
            read(tmp_path)


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 10_000, '{"a": 1', "[1]]"])
def test_json_of_any_depth_and_length_is_one_error(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    if text.isdigit() and not hasattr(sys, "set_int_max_str_digits"):
        pytest.skip("this Python reads integers of any length")
    with pytest.raises(
        SourceError, match=r"a.json: not a complete JSON file \(.*\); copy"
    ) as error:
        read_json(tmp_path / "a.json")
    assert str(error.value).isprintable()


@pytest.mark.parametrize("value", [7, "7", " 7 ", "7.0", 7.0, np.int32(7), np.float32(7)])
def test_whole_numbers(value):
    assert whole_number(value) == 7


WRONG = ["²", "1e400", "1_0", "9" * 20, "", "x", None, [], True, 1.5, 10**5000, 2**63]
WRONG += [float("nan"), float("inf"), np.float32("nan"), "0x1"]


@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
def test_no_whole_numbers(value):
    with pytest.raises(ValueError):
        whole_number(value)


def test_a_named_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.npz")
    with pytest.raises(FileNotFoundError, match="not a regular file"):
        read_arrays(tmp_path / "a.npz")
    assert not has_array(tmp_path / "a.npz", "num_frames")
