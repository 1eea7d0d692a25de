"""What users wrote for release 0.1 works for one release more, with a warning."""

import importlib
import sys

import pytest
from mmengine.registry import Registry

from masa_mm.deprecation import MOVED_MODULES, moved_options, renamed_options

SHAPES = Registry("shapes")


@SHAPES.register_module()
@moved_options(SHAPES, "Cuboid", "depth")
class Box:
    def __init__(self, width=1):
        self.width = width


@SHAPES.register_module()
class Cuboid(Box):
    def __init__(self, depth=2, **kwargs):
        super().__init__(**kwargs)
        self.depth = depth


@renamed_options(bank_length="queue_len")
class Queue:
    def __init__(self, queue_len=3):
        self.queue_len = queue_len


@pytest.mark.parametrize("old", MOVED_MODULES)
def test_old_modules_are_the_new_ones(old):
    sys.modules.pop(old, None)
    with pytest.warns(FutureWarning, match=f"{old} is now {MOVED_MODULES[old]}"):
        found = importlib.import_module(old)
    current = importlib.import_module(MOVED_MODULES[old])
    assert found is current
    assert current.__spec__.name == MOVED_MODULES[old]


def test_modules_in_an_old_package_are_not_loaded_twice():
    with pytest.warns(FutureWarning):
        old = importlib.import_module("masa_mm.datasets.sources.base")
    assert old is importlib.import_module("masa_mm.sources.base")


def test_a_member_that_left_its_package_is_found():
    sys.modules.pop("masa_mm.datasets.sources", None)
    with pytest.warns(FutureWarning, match="convert is now in masa_mm.preparation.convert"):
        from masa_mm.datasets.sources import convert
    assert convert is importlib.import_module("masa_mm.preparation.convert").convert
    with pytest.raises(ImportError):
        from masa_mm.datasets.sources import other  # noqa: F401


def test_other_missing_modules_are_still_missing():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("masa_mm.skeletons")


def test_a_renamed_option_keeps_its_value():
    with pytest.warns(FutureWarning, match="'bank_length' is now 'queue_len'"):
        assert Queue(bank_length=5).queue_len == 5
    assert Queue(queue_len=6).queue_len == 6


def test_a_moved_option_builds_the_class_that_has_it(recwarn):
    assert type(SHAPES.build(dict(type="Box", width=4))) is Box
    assert not recwarn
    with pytest.warns(FutureWarning, match=r"depth moved to type=.Cuboid"):
        found = SHAPES.build(dict(type="Box", width=4, depth=7))
    assert (type(found), found.width, found.depth) == (Cuboid, 4, 7)


def test_a_class_takes_no_option_that_neither_has():
    with pytest.raises(TypeError, match="height"):
        Box(height=3)
