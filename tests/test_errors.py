"""UserError: caught as what it is, shown as it was written, also after a worker passed it on."""

import os
import sys
from pathlib import Path

import pytest
from torch._utils import ExceptionWrapper

from masa_mm.errors import MissingKeyError, UserError, describe, in_one_line, print_error, printable

from toys.commands import run
from toys.paths import ROOT
from toys.pose_toys import annotations
from toys.source_toys import dump

NAMES = ["two\nlines", "\x1b[31mred", "tab\t", os.fsdecode(b"caf\xe9"), "\u2028", "\x85"]


def test_a_missing_key_is_shown_without_quotes():
    error = MissingKeyError("clip 'a' has no 'keypoint'")
    assert str(error) == "clip 'a' has no 'keypoint'"
    assert isinstance(error, UserError) and isinstance(error, KeyError)


def test_errors_of_libraries_are_one_line():
    assert in_one_line(RuntimeError("größer\n  as\0 x")) == "RuntimeError: größer as\\x00 x"
    assert in_one_line(RuntimeError()) == "RuntimeError:"
    assert in_one_line(RuntimeError("x" * 100), 20) == "RuntimeError: xxxxxx..."


@pytest.mark.parametrize("kind", [UserError, MissingKeyError])
def test_comes_out_of_a_worker_as_itself(kind):
    try:
        raise kind("clip 'a' is empty")
    except kind:
        wrapped = ExceptionWrapper(where="in DataLoader worker process 0")
    with pytest.raises(kind, match=f"{kind.__name__}: clip 'a' is empty"):
        wrapped.reraise()


@pytest.mark.parametrize("name", NAMES)
def test_names_in_messages_are_escaped(capsys, name):
    print_error(UserError(f"{name}.csv: it is damaged; copy it again"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable() and line.endswith(".csv: it is damaged; copy it again")
    assert in_one_line(ValueError(name)).isprintable()


def test_text_of_all_languages_is_left_alone():
    assert printable("größe 和 ΕΓΩ नमस्ते") == "größe 和 ΕΓΩ नमस्ते"


ASCII = [dict(PYTHONIOENCODING="ascii"), dict(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")]


@pytest.mark.parametrize("environment", ASCII)
def test_a_terminal_of_ascii_does_not_end_a_command(tmp_path, environment):
    dump(tmp_path / "größe.pkl", annotations())
    command = (sys.executable, ROOT / "tools/data/convert.py", "mmaction", "größe.pkl")
    options = ("größe.safetensors", "--layout", "coco_wholebody")
    out = run(*command, *options, cwd=tmp_path, **environment)
    assert "e.safetensors: 3 clips, 9 frames, 3 classes" in out and "Traceback" not in out
    assert (tmp_path / "größe.safetensors").is_file()


def test_errors_of_the_system_name_the_file(capsys):
    with pytest.raises(OSError) as caught:
        Path("x" * 5000).read_bytes()
    print_error(caught.value)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"error: {'x' * 200}: File name too long"
    assert describe(OSError("other")) == "other"
