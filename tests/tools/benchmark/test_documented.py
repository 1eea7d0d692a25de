"""The benchmarks' commands in the docs and in the scripts' docstrings are valid."""

import re
import shlex

import pytest

from toys.benchmark_toys import FOLDER, load_script
from toys.paths import ROOT

NAMES = ("performance.md", "benchmarks.md", "data/extraction.md", "export.md")
DOCS = [ROOT / "docs" / name for name in NAMES]
PAGES = [*DOCS, *FOLDER.glob("*.py")]
COMMANDS = sorted(
    {
        match
        for page in PAGES
        for match in re.findall(r"tools/benchmark/(\w+\.py.*)", page.read_text(encoding="utf-8"))
    }
)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_valid(command, monkeypatch):
    monkeypatch.setattr("torch.get_num_threads", lambda: 1)
    script, *argv = shlex.split(re.split(r"[`):]", command)[0], comments=True)
    assert (FOLDER / script).is_file()
    if argv:
        load_script(script.removesuffix(".py")).parse_args(argv)


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_configs_and_tools_exist(page):
    for path in re.findall(r"(?:configs|tools)/[\w/]+\.py", page.read_text(encoding="utf-8")):
        assert (ROOT / path).is_file(), path
