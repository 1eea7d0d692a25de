"""Files appear whole or not at all."""

import pytest

from masa_mm.atomic_write import atomic_write
from masa_mm.errors import UserError


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "folder" / "a.txt"
    with atomic_write(path) as temporary:
        temporary.write_text("one")
    with atomic_write(path) as temporary:
        temporary.write_text("two")
        assert path.read_text() == "one"
    assert path.read_text() == "two" and [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_what_is_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()
    ways = {"file/a.txt": "file: cannot create this folder", "folder": "folder: is a folder"}
    for path, said in ways.items():
        with pytest.raises(UserError, match=said), atomic_write(tmp_path / path):
            raise AssertionError("nothing is to be written")
    assert (tmp_path / "file").read_text() == "old" and len(list(tmp_path.iterdir())) == 2
