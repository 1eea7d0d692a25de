"""Errors that a config caused become one line; errors in our own code keep their traceback."""

import errno
import urllib.error

import pytest
from mmaction.registry import HOOKS, MODELS
from mmengine.hooks import Hook
from mmengine.registry import OPTIMIZERS, PARAM_SCHEDULERS

import masa_mm  # noqa: F401
from masa_mm.apis import cli
from masa_mm.apis.build_errors import user_error_of
from masa_mm.errors import UserError


@pytest.fixture
def buggy():
    """Registered classes whose constructors fail by themselves."""

    @HOOKS.register_module()
    class BuggyHook(Hook):
        def __init__(self, kind="type", **kwargs):
            if kind == "keyword":
                self.helper(surplus=1)
            if kind == "missing":
                self.helper()
            if kind == "base":
                super().__init__(**kwargs)
            len(5)

        def helper(self, needed):
            pass

    yield
    HOOKS.module_dict.pop("BuggyHook")


def error_of(registry, **config):
    with pytest.raises(Exception) as caught:
        registry.build(config)
    return caught.value


@pytest.mark.parametrize(
    ("registry", "config", "message"),
    [
        (
            MODELS,
            dict(type="MASAEncoder", dept=1),
            "MASAEncoder has no option 'dept'; its opt",
        ),
        (MODELS, dict(type="MASAHead", num_classes=2, x=1), "MASAHead has no option 'x'; its opt"),
        (
            MODELS,
            {"type": "MASAHead", "num_classes": 2, "drop&ut": 0},
            "MASAHead has no option 'drop&ut'; its opt",
        ),
        (MODELS, dict(type="MASAHead"), "MASAHead needs 'num_classes'; add it to the config"),
        (MODELS, dict(type="ReferenceDecoder", x=1), "ReferenceDecoder has no option 'x'"),
        (MODELS, dict(backbone=1), "a part of the config has no type: {'backbone': 1}"),
        (MODELS, dict(type="NoSuchModel"), "type 'NoSuchModel': "),
        (PARAM_SCHEDULERS, dict(type="LinearLR", optimizer=5), "LinearLR: TypeError"),
        (OPTIMIZERS, dict(type="SGD", params=[], lr=-1), "SGD: ValueError: "),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_options_are_one_line(registry, config, message):
    found = user_error_of(error_of(registry, **config))
    assert isinstance(found, UserError) and str(found).startswith(message), found
    assert "\n" not in str(found)


@pytest.mark.parametrize("kind", ["type", "keyword", "missing"])
def test_a_constructor_that_fails_by_itself_keeps_its_traceback(buggy, kind, capsys):
    error = error_of(HOOKS, type="BuggyHook", kind=kind)
    assert isinstance(error, TypeError) and user_error_of(error) is None
    with pytest.raises(TypeError):
        cli.exit_code_of(lambda: HOOKS.build(dict(type="BuggyHook", kind=kind)))


def test_errors_outside_of_building_keep_their_traceback():
    for error in (TypeError("a bug"), KeyError("x"), RuntimeError("y"), KeyboardInterrupt()):
        assert user_error_of(error) is None


def test_an_address_that_cannot_be_reached():
    found = user_error_of(urllib.error.URLError("Connection refused"))
    assert "load_from: cannot be downloaded (Connection refused)" in str(found)


def test_the_command_line_prints_the_line(capsys):
    assert cli.exit_code_of(lambda: MODELS.build(dict(type="MASAHead"))) == 2
    assert capsys.readouterr().err.startswith("error: MASAHead needs 'num_classes'")


def test_what_does_not_fit_into_memory_is_one_line():
    error = error_of(MODELS, type="MASAEncoder", embed_dims=2**50, num_heads=1)
    text = str(user_error_of(error))
    assert "the memory does not suffice while MASAEncoder is built" in text and "\n" not in text
    assert "in this run" in str(user_error_of(MemoryError()))


def test_files_that_the_system_refuses_are_one_line(tmp_path):
    for path in (tmp_path, tmp_path / ("x" * 300), tmp_path / "none" / "x"):
        with pytest.raises(OSError) as caught:
            path.read_bytes()
        assert str(user_error_of(caught.value)).startswith(str(path)[:200])
    full = OSError(errno.ENOSPC, "No space left on device")
    assert "No space left on device" in str(user_error_of(full))
    # Of sockets, pipes and other processes.
    for error in (BrokenPipeError(errno.EPIPE, "Broken pipe"), OSError("a bug"), ConnectionError()):
        assert user_error_of(error) is None
