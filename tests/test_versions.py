"""Problems of an environment, found by installed metadata."""

import configparser
import re

import pytest

from masa_mm import versions

from toys.paths import ROOT

GOOD = {
    "torch": "2.13.0+cpu",
    "mmengine": "0.10.7",
    "mmaction2": "1.2.0",
    "mmcv-lite": "2.1.0",
    "numpy": "2.4.6",
    "rich": "15.0.0",
    "safetensors": "0.8.0",
    "scikit-learn": "1.9.1",
    "scipy": "1.17.1",
    "jinja2": "3.1.6",
    "matplotlib": "3.11.2",
    "tensorboard": "2.21.0",
}


@pytest.fixture
def environment(monkeypatch):
    """Pretend that other distributions are installed: name=version, None to remove it."""

    def pretend(**changes):
        found = GOOD | {name.replace("_", "-"): version for name, version in changes.items()}
        monkeypatch.setattr(versions, "installed", found.get)
        return versions.problems()

    return pretend


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"torch": "2.4.0", "mmaction2": "1.1.0", "mmcv_lite": "2.0.1", "numpy": "1.26.4"},
        {"mmcv_lite": None, "mmcv": "2.1.0"},
    ],
)
def test_what_works_is_not_a_problem(environment, changes):
    assert environment(**changes) == []


@pytest.mark.parametrize(
    ("changes", "what", "command"),
    [
        ({"torch": None}, "torch is not installed", "pip install torch=="),
        ({"torch": "2.3.1"}, "torch 2.3.1 does not work, from 2.4 does", "pip install torch=="),
        ({"mmengine": "0.11.0"}, "mmengine 0.11.0", 'pip install "mmengine>=0.10,<0.11"'),
        ({"mmaction2": "1.0.0"}, "mmaction2 1.0.0", 'pip install "mmaction2>=1.1,<1.3"'),
        ({"mmaction2": "1.3.0"}, "mmaction2 1.3.0", 'pip install "mmaction2>=1.1,<1.3"'),
        (
            {"mmcv_lite": None},
            "neither mmcv nor mmcv-lite",
            'pip install "mmcv-lite>=2.0.1,<2.2"',
        ),
        (
            {"mmcv_lite": "2.2.0"},
            "mmcv-lite 2.2.0 is refused by mmaction2 (open-mmlab/mmaction2#2852)",
            'pip uninstall -y mmcv-lite && pip install "mmcv-lite>=2.0.1,<2.2"',
        ),
        (
            {"mmcv_lite": None, "mmcv": "2.2.0"},
            "mmcv 2.2.0 is refused by mmaction2 (open-mmlab/mmaction2#2852)",
            'pip uninstall -y mmcv && pip install "mmcv-lite>=2.0.1,<2.2"',
        ),
        (
            {"mmcv": "2.1.0"},
            "mmcv 2.1.0 and mmcv-lite 2.1.0 overwrite each other",
            "pip uninstall -y mmcv mmcv-lite && pip install",
        ),
    ],
)
def test_each_problem_has_the_command_that_fixes_it(environment, changes, what, command):
    (problem,) = environment(**changes)
    assert what in problem.what
    assert problem.command.startswith(command)


def test_this_environment_is_fine():
    assert versions.problems() == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("2.13.0+cpu", (2, 13, 0)), ("2.0.0rc4", (2, 0, 0)), ("0.10", (0, 10)), ("unknown", ())],
)
def test_release(text, numbers):
    assert versions.release(text) == numbers


def test_bounds_are_those_of_setup_cfg():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    required = config["options"]["install_requires"].split()
    bounds = {
        re.match(r"[\w-]+", line).group(): (
            next(iter(re.findall(r">=([\d.]+)", line)), None),
            next(iter(re.findall(r"<([\d.]+)", line)), None),
        )
        for line in required
    }
    assert bounds == versions.SUPPORTED
    extras = config["options.extras_require"]
    for extra, name in (("lite", "mmcv-lite"), ("full", "mmcv")):
        assert extras[extra].split() == [f"{name}>={versions.MMCV[0]},<{versions.MMCV[1]}"]


def test_tested_torch_is_the_constraint():
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    assert f"torch=={versions.TESTED_TORCH}" in constraints
