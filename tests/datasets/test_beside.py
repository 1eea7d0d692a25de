"""Files appear whole or not at all."""

import pytest

from masa_mm.datasets.beside import written_beside


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "folder" / "a.txt"
    with written_beside(path) as beside:
        beside.write_text("one")
    with written_beside(path) as beside:
        beside.write_text("two")
        assert path.read_text() == "one"
    assert path.read_text() == "two" and [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_beside(path) as beside:
        beside.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
