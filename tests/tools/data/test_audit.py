"""tools/data/audit.py writes its files or prints one line; docs/data/audit.md is up to date."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from toys.audit_toys import smooth_clip, write
from toys.paths import ROOT

spec = importlib.util.spec_from_file_location("audit_tool", ROOT / "tools/data/audit.py")
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)
FILES = (".safetensors", ".json")


@pytest.fixture
def folder(tmp_path):
    for split in ("train", "val"):
        write(tmp_path / f"{split}.safetensors", [smooth_clip(n, 6) for n in range(3)])
    write(tmp_path / "other.safetensors", [smooth_clip(0, 6)], glosses=["x", "y"])
    official = {"train0": dict(subset="train", action=[0, 1, 2])}
    (tmp_path / "nslt_100.json").write_text(json.dumps(official))
    (tmp_path / "zip.json").write_bytes(b"PK\3\4")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "val.safetensors").read_bytes()[:-9])
    return tmp_path


def run(folder, *words):
    words = [str(folder / word) if word.endswith(FILES) else word for word in words]
    return tool.main([*words, "--out", str(folder / "out")])


def test_it_writes_the_page_and_the_json_and_says_what_is_wrong(folder, capsys):
    options = ("--benchmark", "wlasl", "--split-file", "nslt_100.json", "--samples", "1")
    assert run(folder, "train.safetensors", "val.safetensors", *options) == 0
    out = capsys.readouterr().out
    assert "! Identical clips: 3 groups of identical clips with 6 clips" in out
    assert "  Bad clips: No bad clip" in out and str(folder / "out" / "audit.html") in out
    found = json.loads((folder / "out/audit.json").read_text())
    assert found["coverage"][0]["found"] == 1 and len(found["samples"]["numbers"]) == 1
    assert (folder / "out/audit.html").stat().st_size > 50_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gone.safetensors"], "gone.safetensors: no such pose store"),
        (["cut.safetensors"], "cut.safetensors: not a complete safetensors file"),
        (["nslt_100.json"], "nslt_100.json: not a complete safetensors file"),
        (["train.safetensors", "train.safetensors"], "given twice"),
        (["train.safetensors", "other.safetensors"], "class list is not that of"),
        (["train.safetensors", "--split-file", "nslt_100.json"], "go together"),
        (["train.safetensors", "--benchmark", "wlasl"], "go together"),
        (
            ["train.safetensors", "--benchmark", "wlasl", "--split-file", "zip.json"],
            "zip.json: not a JSON file",
        ),
        (["train.safetensors", "--near", "2"], "--near is a difference in hand radii above 0"),
        (["train.safetensors", "--samples", "-1"], "--samples cannot be -1"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(folder, capsys, words, said):
    assert run(folder, *words) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ") and said in line
    assert not (folder / "out").exists()


def test_a_link_to_itself_is_one_line(folder, capsys):
    (folder / "loop.safetensors").symlink_to("loop.safetensors")
    assert run(folder, "loop.safetensors") == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ") and "loop.safetensors: " in line


PAGE = (ROOT / "docs/data/audit.md").read_text()


def test_the_code_of_the_documentation_runs(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(code, {})
    html = Path("work_dirs/audit/audit.html").read_text()
    sections = re.findall(r"<h2>(.*?)</h2>", html)
    assert len(sections) == 11 and all(f"| {name} |" in PAGE for name in sections)


def test_the_documentation_names_every_option(capsys):
    with pytest.raises(SystemExit):
        tool.main(["--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert options and all(option in PAGE for option in options)
