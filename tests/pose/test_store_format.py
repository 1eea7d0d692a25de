"""Clip ids and errors of the store format. The files themselves: test_store.py."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.store_format import BadClipsError, ClipNames, clip_hash

NAMES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=9)


@given(NAMES, st.integers(-12, 12), st.integers(-12, 12))
def test_is_the_sequence_it_was_made_of(names, start, stop):
    found = ClipNames.of(names)
    assert len(found) == len(names) and found == names and names == found
    assert list(found) == found.tolist() == [found[i] for i in range(len(names))] == names
    assert found[start:stop] == names[start:stop] and found[::-1] == names[::-1]
    assert (names + ["x"] != found) and [name in found for name in names] == [True] * len(names)
    if -len(names) <= start < len(names):
        assert found[start] == names[start]
    else:
        with pytest.raises(IndexError):
            found[start]
    again = ClipNames(found.text, found.offset)
    assert again == found and again != 3


def test_is_an_array_of_strings():
    names = ["b", "größe", "a"]
    array = np.asarray(ClipNames.of(names), dtype=str)
    assert array.tolist() == names and np.unique(ClipNames.of(names)).tolist() == sorted(names)


@pytest.mark.parametrize(
    ("text", "offset", "problem"),
    [
        (b"abc", [], "do not divide 3 bytes"),
        (b"abc", [0, 2], "do not divide 3 bytes"),
        (b"abc", [1, 3], "do not divide 3 bytes"),
        (b"abc", [0, 2, 1, 3], "backwards"),
        (b"a\xff", [0, 2], "can't decode"),
        ("aé".encode(), [0, 2, 3], "cut a character in two"),
    ],
)
def test_what_are_no_names_is_refused(text, offset, problem):
    with pytest.raises(ValueError, match=problem):
        ClipNames(np.frombuffer(text, np.uint8), np.array(offset, np.int64))


def test_hashes_are_stable_and_differ_by_source_and_id():
    assert clip_hash("WLASL", "book_1") == 6039473911041721814
    names = [(source, f"clip{n}") for source in ("a", "b") for n in range(1000)]
    hashes = {clip_hash(*name) for name in names}
    assert len(hashes) == 2000 and min(hashes) >= 0 and max(hashes) < 2**63


def test_bad_clips_are_listed_also_after_pickling():
    bad = [BadClip("a", "it has no frames", "leave it out"), BadClip("b", "it is long", "cut it")]
    for error in (found := BadClipsError("x", bad), pickle.loads(pickle.dumps(found))):
        assert error.bad == tuple(bad)
        assert str(error).splitlines() == [
            "x: clip 'a': it has no frames; leave it out",
            "x: clip 'b': it is long; cut it",
        ]
