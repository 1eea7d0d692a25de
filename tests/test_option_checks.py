"""Options of every registered class: numbers out of range and other values are refused."""

import argparse
import inspect
import math
import re

import mmaction.registry
import numpy as np
import pytest
from mmengine.registry import FUNCTIONS, Registry

import masa_mm
from masa_mm.errors import UserError
from masa_mm.option_checks import (
    FRACTION,
    SEED,
    above,
    at_least,
    checked_options,
    count,
    option,
    whole,
    wholes,
)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (whole(1), [1, np.int64(7)], [0, -1, 1.0, True, "1", None, [1], 10**400]),
        (whole(1, optional=True), [1, None], [0]),
        (wholes(1), [(1,), [2, 3]], [(), [0], [1.5], 1, "12", None]),
        (at_least(0), [0, 0.5, np.float32(2)], [-1, math.nan, math.inf, "0", True, None]),
        (above(0), [1e-9], [0, -1, math.nan]),
        (FRACTION, [0, 0.5, 1], [1.01, -0.01, math.nan]),
        (SEED, [0, 2**32 - 1], [-1, 2**32, 0.5]),
    ],
    ids=lambda value: getattr(value, "words", ""),
)
def test_what_is_accepted(check, good, bad):
    assert all(check.accepts(value) for value in good)
    assert not any(check.accepts(value) for value in bad)


def test_options_are_checked_by_name_by_place_and_in_subclasses():
    @checked_options(size=whole(1))
    class Box:
        def __init__(self, name, size=1):
            self.size = size

    class Crate(Box):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)

    assert Box("a").size == 1 and Crate("a", 2).size == 2
    for make in (lambda: Box("a", 0), lambda: Box("a", size=0)):
        with pytest.raises(UserError, match=r"^Box: size must be an integer of at least 1, got 0$"):
            make()
    with pytest.raises(UserError, match=r"^Crate: size .*'x{59}\.\.\.$"):
        Crate("a", "x" * 100)
    assert list(inspect.signature(Box).parameters) == ["name", "size"]


def own_classes():
    """The classes of this package in the registries."""
    registries = [v for v in vars(mmaction.registry).values() if isinstance(v, Registry)]
    found = {cls for registry in registries for cls in registry.module_dict.values()}
    return sorted(
        (c for c in found if inspect.isclass(c) and c.__module__.startswith("masa_mm.")),
        key=lambda c: c.__name__,
    )


NUMERIC = re.compile(r"^(int|float|Sequence\[int\]|int \| Sequence\[int\])( \| None)?$")


def numeric_options(cls):
    """The numeric options of a class, with those that it passes on to its bases."""
    return {
        name: parameter.annotation
        for base in cls.__mro__
        if base.__module__.startswith("masa_mm.") and "__init__" in vars(base)
        for name, parameter in inspect.signature(base.__init__).parameters.items()
        if NUMERIC.match(str(parameter.annotation))
    }


# What the constructors need besides; checked_options comes before it.
REQUIRED = dict(
    JointNoise=dict(std=0.1),
    DropJoints=dict(prob=0.1),
    DropFrames=dict(prob=0.1),
    SampleSignFrames=dict(clip_len=4),
)
DATASET = dict(ann_file="x", pipeline=[])
# Options that may be negative.
SIGNED = {"position_gain", "coordinate_offset"}
CASES = [
    pytest.param(cls, name, value, id=f"{cls.__name__}-{name}-{value}")
    for cls in own_classes()
    for name in numeric_options(cls)
    for value in (math.nan, -1, "many", {}, [-1], ["many"])
    if not (value == -1 and name in SIGNED)
]


def test_the_classes_and_their_options_are_found():
    assert len(own_classes()) > 50 and len(CASES) > 300
    assert "mask_token" not in numeric_options(masa_mm.models.MASAEncoder)


@pytest.mark.parametrize(("cls", "name", "value"), CASES)
def test_senseless_numbers_are_refused_in_one_line(cls, name, value):
    is_dataset = hasattr(cls, "load_data_list")
    options = {**(DATASET if is_dataset else REQUIRED.get(cls.__name__, {})), name: value}
    with pytest.raises(UserError, match=name) as caught:
        cls(**options)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(cls.__name__)


@pytest.mark.parametrize("value", [0, -1, math.nan, "2", 1.5])
def test_the_collate_function_checks_its_option(value):
    with pytest.raises(UserError, match="pad_clips: pad_to_multiple must be"):
        FUNCTIONS.get("pad_clips")([], pad_to_multiple=value)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "nan", "", "many", "9" * 30, "9" * 5000])
def test_senseless_numbers_on_a_command_line_are_refused(text, capsys):
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=count)
    parser.add_argument("--scale", type=option(above(0)))
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(["--steps", text])
    last = capsys.readouterr().err.splitlines()[-1]
    assert caught.value.code == 2 and len(last) < 200
    assert "--steps: must be an integer of at least 1, got" in last
    assert parser.parse_args(["--steps", "3", "--scale", "1.5"]).steps == 3
    with pytest.raises(SystemExit):
        parser.parse_args(["--scale", "inf"])
