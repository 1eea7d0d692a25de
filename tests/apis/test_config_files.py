"""What is wrong in a config file or in --cfg-options is named by file and line."""

import argparse
import builtins
import importlib

import pytest

from masa_mm.apis.config_files import ConfigError, ConfigOptions, load_config, make_work_dir
from masa_mm.errors import UserError


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name, text):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    return write


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.py", "a = 1\nb = [\n", r"c\.py, line 2: is no valid Python \('\[' was never closed\)"),
        ("c.py", "a = 1\n\nb = undefined", r"c\.py, line 3: NameError: name 'undefined' is not"),
        ("c.py", "a = 1 / 0", r"c\.py, line 1: ZeroDivisionError"),
        ("c.py", "_base_ = nothing", r"c\.py, line 1: NameError"),
        ("c.py", b"a = '\xff'", r"c\.py: is no valid Python"),
        ("c.py", "a = '\0'", r"c\.py.*: is no valid Python"),
        (
            "c.py",
            "custom_imports = dict(imports='no_such')",
            r"custom_imports names no_such, which",
        ),
        ("c.py", "filename = 1", r"c\.py: KeyError: 'filename is reserved"),
        ("c.py", "_base_ = ['d.py', 'd.py']", r"Duplicate key is not allowed among bases"),
        ("c.py", "_base_ = 'd.py'\nb = dict(x=1)", r"c\.py: TypeError: "),
        ("c.py", "_base_ = 'e.py'", r"e\.py, line 2: is no valid Python"),
        ("c.py", "_base_ = 'c.py'", r"c\.py: inherits itself"),
        ("c.yaml", "a: [", r"c\.yaml: cannot be read"),
        ("c.txt", "a = 1", r"c\.txt: is no config; its name must end with \.py"),
    ],
)
def test_wrong_files_are_one_line(write, name, text, message):
    write("d.py", "b = 1")
    write("e.py", "x = 1\ny = )")
    with pytest.raises(UserError, match=message) as caught:
        load_config(write(name, text))
    assert "\n" not in str(caught.value) and "/tmp/tmp" not in str(caught.value)


def test_code_that_a_config_calls_keeps_its_traceback(write, tmp_path, monkeypatch):
    """It is not the config that is wrong."""
    monkeypatch.syspath_prepend(str(tmp_path))
    write("own_helper.py", "def fail():\n    raise TypeError('a bug')\n")
    monkeypatch.setattr(builtins, "helper", importlib.import_module("own_helper"), raising=False)
    with pytest.raises(TypeError, match="a bug"):
        load_config(write("c.py", "x = helper.fail()"))
    write("own_broken.py", "import no_such_dependency")
    with pytest.raises(ImportError):
        load_config(write("c.py", "custom_imports = dict(imports='own_broken')"))


def test_options_override_entries(write):
    path = write("c.py", "a = dict(b=1, c=[dict(d=1)])")
    cfg = load_config(path, {"a.b": 2, "a.c.0.d": 3, "e": 4})
    assert (cfg.a.b, cfg.a.c[0].d, cfg.e) == (2, 3, 4)
    for key in ("a.c.5.d", "a.b.c", "a.c.x.d"):
        with pytest.raises(ConfigError, match=rf"--cfg-options {key}=0: does not fit"):
            load_config(path, {key: 0})


@pytest.mark.parametrize(
    "word", ["x", "=1", "a..b=1", "a=[1,(2]", "a=" + "(" * 3000 + ")" * 3000, ".=1"]
)
def test_malformed_options_are_usage_errors(word, capsys):
    parser = argparse.ArgumentParser()
    parser.add_argument("--cfg-options", nargs="+", action=ConfigOptions)
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["--cfg-options", "good=1", word])
    assert "error: --cfg-options" in capsys.readouterr().err
    args = parser.parse_args(["--cfg-options", "a.b=[1,2]", "c=x"])
    assert args.cfg_options == {"a.b": [1, 2], "c": "x"}


def test_the_work_dir_is_made_or_named(tmp_path):
    make_work_dir(str(tmp_path / "a/b"))
    assert (tmp_path / "a/b").is_dir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file/below", "a\0b"):
        with pytest.raises(ConfigError, match="cannot be made"):
            make_work_dir(str(path))
