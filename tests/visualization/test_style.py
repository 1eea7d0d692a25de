"""Pictures are written whole or not at all."""

from __future__ import annotations

import matplotlib
import pytest

from masa_mm.visualization import save_figure
from masa_mm.visualization.style import new_figure


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_writes_the_format_of_the_suffix_and_nothing_else(tmp_path, suffix):
    path = save_figure(new_figure(2, 2), tmp_path / "made" / f"a.{suffix}")
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert path.read_bytes().startswith(begins)
    assert [file.name for file in path.parent.iterdir()] == [f"a.{suffix}"]


def test_a_failed_save_keeps_the_old_picture(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    figure = new_figure(2, 2)

    def fail(file, **_):
        file.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        save_figure(figure, path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_unknown_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"cannot write.*png"):
        save_figure(new_figure(2, 2), tmp_path / "a.docx")


def test_figures_are_not_kept_by_pyplot():
    new_figure(2, 2)
    assert "matplotlib.pyplot" not in dir(matplotlib) or not matplotlib.pyplot.get_fignums()
