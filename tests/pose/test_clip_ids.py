"""Ids of clips from the paths of their files, and names of files from ids."""

import os
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masa_mm.errors import UserError
from masa_mm.pose.clip_ids import clip_file, file_id, file_name, ids_of_paths, path_end, path_parts


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("videos/hello/01.mp4", "01"),
        ("C:\\videos\\01.MP4", "01"),
        ("000/P41_01_00_1._color.mp4", "P41_01_00_1"),
        ("4.7299129501965353e-7-seedSOUR.mp4", "4.7299129501965353e-7-seedSOUR"),
        ("P06_0000_1_0_20130601.oni", "P06_0000_1_0_20130601"),
        ("health1_signer3_rep3_glosses/glosses0000", "glosses0000"),
        ("a b.v2.pose", "a b.v2"),
        ("a.b", "a.b"),
        (" 05237 ", "05237"),
        ("../..", ""),
    ],
)
def test_a_name_loses_its_folders_and_a_known_ending(path, name):
    assert file_id(path) == name


def test_parts_of_paths():
    assert path_parts("/data/./x/../1. loud/MVI_5177.MOV") == ["data", "x", "1. loud", "MVI_5177"]
    assert path_end("a/b/c.mp4", 2) == "b/c" and path_end("c.mp4", 2) == "c"


def test_names_that_repeat_take_their_folders():
    assert ids_of_paths(["hello/1.mp4", "hello/2.mp4"]) == ["1", "2"]
    assert ids_of_paths(["hello/1.mp4", "thanks/1.mp4", "thanks/2.mp4"]) == [
        "hello/1",
        "thanks/1",
        "thanks/2",
    ]
    deep = ["x/hello/1", "y/hello/1", "y/2"]
    assert ids_of_paths(deep) == deep
    assert ids_of_paths(["a/1.mp4", "a/1.mp4"]) == ["1", "1"] and ids_of_paths([]) == []


NAMES = st.lists(st.sampled_from(["a", "b", "1"]), min_size=1, max_size=4).map("/".join)


@given(st.lists(NAMES, unique=True, min_size=1))
def test_ids_are_different_ends_and_no_longer_than_needed(paths):
    ids = ids_of_paths(paths)
    assert len(set(ids)) == len(paths)
    assert all(f"/{path}".endswith(f"/{name}") for name, path in zip(ids, paths))
    length = max(name.count("/") for name in ids)
    shorter = {path_end(path, length) for path in paths} if length else set()
    assert len(shorter) < len(paths)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("05237", "05237"),
        ("1. loud", "1. loud"),
        ("书", "书"),
        ("..", ".%2E"),
        (".", "%2E"),
        ("", "%"),
        ("a\\b", "a%5Cb"),
        ("C:", "C%3A"),
        ("a\0\n", "a%00%0A"),
        ("a.", "a%2E"),
        ("a ", "a%20"),
        ("con", "%63on"),
        ("Lpt1.x", "%4Cpt1.x"),
        ("contact", "contact"),
        ("100%", "100%25"),
        ("\ud800", "%ED%A0%80"),
    ],
)
def test_names_of_files(text, name):
    assert file_name(text) == name
    assert unquote(name, errors="surrogatepass") == (text or "%")


HOSTILE = st.text(st.sampled_from("./\\%\0\n :a2EcCoOnN~$"), max_size=12) | st.text(max_size=12)


@given(HOSTILE, HOSTILE)
def test_files_of_clips_lie_in_their_folder_and_differ(one, other):
    path = clip_file("/poses", one, "npz")
    assert os.path.normpath(path) == str(path) and Path("/poses") in path.parents
    assert not set("\\\0\n:") & set(str(path))
    assert (clip_file("/poses", other, "npz") == path) == (one == other)


def test_a_name_too_long_is_refused():
    assert len(file_name("x" * 200)) == 200
    with pytest.raises(UserError, match="too long for the name of a file, 201 bytes"):
        file_name("x" * 201)
    with pytest.raises(UserError, match="too long"):
        clip_file("poses", "a/" + "书" * 70, "npz")
