"""Imports in the package point downwards and in no circle, as CONTRIBUTING.md says."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from toys.paths import ROOT

# What a folder may import besides itself and the modules at the top of the package.
ALLOWED = {
    "safe_files": set(),
    "compat": {"safe_files"},
    "pose": {"compat", "safe_files"},
    "sources": {"pose", "safe_files"},
    "datasets": {"pose", "safe_files"},
    "models": {"pose", "compat"},
    "visualization": {"pose"},
    "engine": {"pose", "datasets", "models", "compat"},
    "evaluation": {"pose", "datasets", "models", "compat", "safe_files"},
    "inference": {
        *("pose", "sources", "datasets", "models", "engine", "evaluation", "visualization"),
        *("preparation", "compat", "safe_files"),
    },
    "preparation": {"pose", "sources", "datasets", "visualization"},
    "apis": {"pose", "datasets", "models", "engine", "evaluation", "visualization", "compat"}
    | {"inference", "preparation", "sources"},
}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "masa_mm").rglob("*.py"))
}


def imports_of(module):
    """The package's modules that a module imports, wherever in its code."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # A name is a submodule or comes from the module itself.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else node.module for name in names]
        else:
            continue
        found.update(name for name in names if name in MODULES)
    return found - {module, "masa_mm"}


@pytest.mark.parametrize("module", [name for name in MODULES if name.count(".") > 0])
def test_imports_point_downwards(module):
    folder = module.split(".")[1]
    if folder not in ALLOWED:  # a module at the top of the package
        return
    for imported in imports_of(module):
        target = imported.split(".")[1]
        assert target == folder or target not in ALLOWED or target in ALLOWED[folder], imported


def test_top_level_modules_import_no_folder_but_pose():
    tops = [name for name in MODULES if name.count(".") == 1 and name.split(".")[1] not in ALLOWED]
    for module in tops:
        folders = {name.split(".")[1] for name in imports_of(module)} & ALLOWED.keys()
        assert folders <= {"pose"}, module


def test_no_import_is_circular():
    graph = {module: imports_of(module) for module in MODULES if module != "masa_mm"}
    order = list(TopologicalSorter(graph).static_order())
    assert len(order) == len(graph)


TESTS = {path.relative_to(ROOT / "tests"): path for path in (ROOT / "tests").rglob("test_*.py")}


def covered_modules():
    """Modules that the docstring of a test names, as 'masa_mm.folder.module'."""
    docstrings = (
        ast.get_docstring(ast.parse(p.read_text(encoding="utf-8"))) for p in TESTS.values()
    )
    return {name for text in docstrings if text for name in re.findall(r"masa_mm(?:\.\w+)+", text)}


@pytest.mark.parametrize(
    "module", [name for name, path in MODULES.items() if path.name != "__init__.py"]
)
def test_a_module_has_a_test_or_is_named_by_one(module):
    *folders, name = module.split(".")[1:]
    assert Path(*folders, f"test_{name}.py") in TESTS or module in covered_modules()
