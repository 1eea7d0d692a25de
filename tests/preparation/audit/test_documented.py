"""The code of docs/data/audit.md runs, and the page names every section and option there is."""

import importlib.util
import re
from pathlib import Path

from toys.audit_toys import smooth_clip, write
from toys.paths import ROOT

PAGE = ROOT / "docs/data/audit.md"


def test_the_code_of_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for split in ("train", "val"):
        write(tmp_path / f"{split}.safetensors", [smooth_clip(n, 6) for n in range(3)])
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(code, {})
    html = Path("work_dirs/audit/audit.html").read_text()
    sections = re.findall(r"<h2>(.*?)</h2>", html)
    assert len(sections) == 11 and all(f"| {name} |" in PAGE.read_text() for name in sections)


def test_the_page_names_every_option(capsys):
    spec = importlib.util.spec_from_file_location("audit_help", ROOT / "tools/data/audit.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    try:
        tool.main(["--help"])
    except SystemExit:
        options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert options and all(option in PAGE.read_text() for option in options)
