"""tools/doctor.py runs whatever is missing."""

import runpy
import subprocess
import sys

import pytest

from masa_mm import compat, versions

from toys.paths import ROOT


@pytest.fixture
def doctor(monkeypatch):
    """The tool's main function, without the test import in a new process."""
    tool = runpy.run_path(str(ROOT / "tools/doctor.py"))
    monkeypatch.setitem(tool["main"].__globals__, "import_problem", lambda versions: [])
    return tool["main"]


def test_a_working_environment(doctor, capsys):
    assert doctor() == 0
    out = capsys.readouterr().out
    for name in ("python", "torch", "mmengine", "mmaction2", "mmcv", "numpy", "setuptools"):
        assert any(line.startswith(name) for line in out.splitlines())
    assert "no problems found" in out
    for repair in compat.active():
        assert repair.__doc__.splitlines()[0] in out


def test_each_problem_has_its_command(doctor, capsys, monkeypatch):
    found = {"torch": "2.0.0", "mmcv": "2.2.0", "mmcv-lite": "2.1.0", "mmengine": "0.10.7"}
    monkeypatch.setattr(versions, "installed", found.get)
    assert doctor() == 1
    out = capsys.readouterr().out
    assert "mmcv-full" not in out
    for line in (
        "torch 2.0.0 does not work",
        "fix it with: pip install torch==",
        "mmaction2 is not installed",
        'fix it with: pip install "mmaction2>=1.1,<1.3"',
        "mmcv 2.2.0 and mmcv-lite 2.1.0 overwrite each other's files",
        "fix it with: pip uninstall -y mmcv mmcv-lite && pip install",
    ):
        assert line in out


def test_runs_with_the_standard_library_alone():
    run = subprocess.run(
        [sys.executable, "-I", "-S", ROOT / "tools/doctor.py"], capture_output=True, text=True
    )
    assert run.returncode == 1, run.stderr
    assert "torch is not installed" in run.stdout and "fix it with: pip install torch" in run.stdout
    assert run.stderr == ""


def test_a_failing_import_is_reported(monkeypatch, tmp_path):
    tool = runpy.run_path(str(ROOT / "tools/doctor.py"))
    # A package of that name that cannot be imported precedes the real one.
    (tmp_path / "masa_mm").mkdir()
    (tmp_path / "masa_mm/__init__.py").write_text("import a_module_of_a_broken_release")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (problem,) = tool["import_problem"](versions)
    assert "No module named 'a_module_of_a_broken_release'" in problem.what
    assert "pip install -c constraints.txt -e ." in problem.command
