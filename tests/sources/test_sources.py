"""The sources of masa_mm.sources, and that their page, docs/data/converters.md, is true."""

import argparse
import re
import shlex

import numpy as np
import pytest

from masa_mm.pose.skeleton import SOURCE_LAYOUTS
from masa_mm.preparation.convert import convert
from masa_mm.sources import SOURCES

from toys.source_toys import ROOT, tool

PAGE = (ROOT / "docs/data/converters.md").read_text(encoding="utf-8")
COMMANDS = [
    line.strip().removeprefix("python tools/data/convert.py ")
    for line in PAGE.splitlines()
    if line.strip().startswith("python tools/data/convert.py") and "SOURCE" not in line
]


@pytest.mark.parametrize("command", COMMANDS)
def test_documented_commands_are_understood(command):
    tool.parse_args(shlex.split(command))


def test_every_source_has_a_name_of_its_own():
    assert len({source.name for source in SOURCES}) == len(SOURCES)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_each_source_has_a_worked_command(source):
    assert any(command.split()[0] == source.name for command in COMMANDS)


def test_options_and_layouts_on_the_page_exist():
    options = set()
    for source in SOURCES:
        parser = tool.argparse.ArgumentParser()
        tool._add_common(parser)
        source.add_options(parser)
        options |= set(parser._option_string_actions)
    of_others = {"--hand", "--keypoint_scale", "--save-predictions", "--help"}
    assert set(re.findall(r"`(--[a-z_-]+)", PAGE)) <= options | of_others
    named = set(re.findall(r"`((?:mediapipe|coco|openpose)_\w+)`", PAGE)) - {"openpose_"}
    assert named <= set(SOURCE_LAYOUTS)
    missing = options - set(re.findall(r"--[a-z-]+", PAGE)) - {"--help", "-h"}
    assert not missing


def test_links_within_the_page_lead_somewhere():
    heads = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= anchors


def test_the_example_of_a_new_source_reads_a_file(tmp_path):
    (example,) = re.findall(r"```python\n([^`]*file_source\([^`]*)```", PAGE)
    names = {}
    exec(example, names)
    joints = np.random.default_rng(0).uniform(0.2, 1, (4, 133, 3))
    np.save(tmp_path / "a.npy", joints)
    parser = argparse.ArgumentParser()
    names["SOURCE"].add_options(parser)
    args = parser.parse_args(["--img-size", "1", "1"])
    vars(args).update(input=tmp_path, source="mine", source_name=None, split=None)
    report = convert(names["SOURCE"].open(args), tmp_path / "out.safetensors")
    assert (report.num_clips, report.num_frames) == (1, 4)
