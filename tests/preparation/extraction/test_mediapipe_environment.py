"""The environment beside: real 'venv' and 'pip', offline, with a stand-in's wheel as the index."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from masa_mm.preparation.extraction import mediapipe_environment
from masa_mm.preparation.extraction.estimators import EstimatorError
from masa_mm.preparation.extraction.holistic_process import HolisticProcess
from masa_mm.preparation.extraction.mediapipe_environment import (
    VERSION,
    environment_folder,
    python_with_holistic,
)

from toys.mediapipe_stand_in import STAND_IN, image, write_wheel

can_hold = pytest.mark.skipif(
    not (3, 9) <= sys.version_info[:2] <= (3, 12), reason="MediaPipe's wheels end at Python 3.12"
)


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """Pip finds only the wheels in tmp_path/wheels; the environment goes to tmp_path/cache."""
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", mediapipe_environment.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    settings = dict(
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(tmp_path / "wheels"),
        PIP_CONFIG_FILE=os.devnull,
        PYTHONPATH="",
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    # The suite's environment may hold mediapipe.
    monkeypatch.setattr(mediapipe_environment, "_current_can", lambda: False)
    monkeypatch.setattr(mediapipe_environment, "_REQUIREMENTS", (f"mediapipe=={VERSION}",))


@pytest.fixture
def wheels(tmp_path):
    write_wheel(tmp_path / "wheels", VERSION)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """An environment that holds only pip: to make one takes seconds, to copy it does not."""
    folder = tmp_path_factory.mktemp("empty") / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder


@pytest.fixture
def copied(empty, monkeypatch):
    """Copy that environment instead of making one; what is installed in it is real."""
    monkeypatch.setenv("EMPTY_ENVIRONMENT", str(empty))
    monkeypatch.setattr(
        mediapipe_environment, "_environment_maker", lambda: ["cp", "-a", str(empty)]
    )


def begun(folder):
    """Folders that a killed run left."""
    return sorted(path.name for path in folder.parent.iterdir() if "part" in path.name)


@can_hold
def test_the_environment_is_made_once_and_runs_holistic(wheels, capfd, monkeypatch):
    monkeypatch.setenv("PIP_CONSTRAINT", "/constraints/of/the/current/environment.txt")
    monkeypatch.setenv("PIP_USER", "1")
    python = python_with_holistic()
    folder = environment_folder()
    assert python == [str(folder / "bin" / "python"), "-I"]
    told = capfd.readouterr()
    assert told.err.count("\n") == 1 and not told.out
    assert f"MediaPipe {VERSION} in {folder}, once (" in told.err
    process = HolisticProcess(python, {})
    assert process.find(image(3))[33:, 2].all()
    process.close()
    made = folder.stat().st_ino
    assert python_with_holistic() == python
    assert folder.stat().st_ino == made and capfd.readouterr() == ("", "")
    assert begun(folder) == []


@can_hold
def test_without_an_index_one_line_says_so(copied):
    with pytest.raises(EstimatorError) as error:
        python_with_holistic()
    message = str(error.value)
    assert f"pip says 'ERROR: No matching distribution found for mediapipe=={VERSION}'" in message
    assert "without a network it needs the wheels" in message
    assert "\n" not in message and "docs/data/extraction.md" in message
    assert begun(environment_folder()) == [] and not environment_folder().exists()


@can_hold
def test_an_environment_that_does_not_run_holistic_is_not_kept(wheels, copied, monkeypatch):
    monkeypatch.setenv("STAND_IN_FAILS", "1")
    with pytest.raises(EstimatorError, match="FileNotFoundError: no networks in this wheel"):
        python_with_holistic()
    assert begun(environment_folder()) == [] and not environment_folder().exists()


@can_hold
def test_one_whose_python_is_gone_is_made_again(wheels, copied):
    python = Path(python_with_holistic()[0])
    python.unlink()
    python.symlink_to("/usr/bin/python-that-was-removed")
    python_with_holistic()
    assert python.exists()


RUN = f"""
import os
from masa_mm.preparation.extraction import mediapipe_environment as environment
environment._REQUIREMENTS = ("mediapipe=={VERSION}",)
environment._current_can = lambda: False
environment._environment_maker = lambda: ["cp", "-a", os.environ["EMPTY_ENVIRONMENT"]]
print(environment.python_with_holistic()[0])
"""


def start():
    environment = os.environ | dict(PYTHONPATH=os.pathsep.join(sys.path))
    return subprocess.Popen(
        [sys.executable, "-c", RUN],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@can_hold
def test_two_processes_make_one(wheels, copied):
    runs = [start(), start()]
    outputs = [run.communicate() for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert [out for out, _ in outputs] == [f"{environment_folder()}/bin/python\n"] * 2
    assert sum("making an environment" in err for _, err in outputs) == 1


@can_hold
def test_a_killed_run_leaves_nothing_that_is_taken_for_an_environment(wheels, copied):
    folder, run = environment_folder(), start()
    while not list(folder.parent.glob("*.part-*/environment/bin/python")):
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    assert not folder.exists() and len(begun(folder)) == 1
    assert Path(python_with_holistic()[0]).exists() and begun(folder) == []


def test_the_current_python_is_used_where_it_runs_holistic(monkeypatch):
    monkeypatch.undo()
    monkeypatch.delenv(mediapipe_environment.VARIABLE, raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "mediapipe")
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))
    assert python_with_holistic() == [sys.executable]


def test_the_folder_can_be_named(monkeypatch, tmp_path):
    assert environment_folder() == tmp_path / "cache" / "masa_mm" / f"mediapipe-{VERSION}"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert environment_folder() == Path.home() / ".cache" / "masa_mm" / f"mediapipe-{VERSION}"
    monkeypatch.setenv(mediapipe_environment.VARIABLE, str(tmp_path / "mine"))
    (tmp_path / "mine" / "bin").mkdir(parents=True)
    (tmp_path / "mine" / "bin" / "python").symlink_to(sys.executable)
    assert python_with_holistic() == [str(tmp_path / "mine" / "bin" / "python"), "-I"]


def test_a_folder_with_other_files_is_never_replaced(wheels, copied, monkeypatch, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    monkeypatch.setenv(mediapipe_environment.VARIABLE, str(mine))
    with pytest.raises(EstimatorError, match="mine: holds other files than a Python environment"):
        python_with_holistic()
    assert (mine / "thesis.txt").read_text() == "years of work" and begun(mine) == []
    (mine / "thesis.txt").unlink()
    assert Path(python_with_holistic()[0]).exists()  # an empty folder is taken


def script(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_another_python_then_uv_then_what_to_install(monkeypatch, tmp_path):
    maker = mediapipe_environment._environment_maker
    monkeypatch.setattr("sys.executable", str(tmp_path / "current" / "python"))
    script(tmp_path / "current" / "python", "exit 1")  # too new
    script(tmp_path / "shims" / "python3.12", "echo command not found; exit 127")  # as pyenv's
    monkeypatch.setenv("PATH", f"{tmp_path / 'shims'}:{tmp_path / 'bin'}")
    with pytest.raises(EstimatorError, match=r"needs Python 3.9 to 3.12.* 'pip install uv'"):
        maker()
    script(tmp_path / "current" / "uv", "")
    assert maker()[:2] == [str(tmp_path / "current" / "uv"), "venv"]
    script(tmp_path / "bin" / "python3.12", "exit 0")
    assert maker() == [str(tmp_path / "bin" / "python3.12"), "-I", "-m", "venv"]
    script(tmp_path / "current" / "python", "exit 0")
    assert maker()[0] == str(tmp_path / "current" / "python")
