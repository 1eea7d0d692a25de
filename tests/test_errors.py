"""UserError: caught as what it is, shown as it was written, also after a worker passed it on."""

import pytest
from torch._utils import ExceptionWrapper

from masa_mm.errors import MissingKeyError, UserError, in_one_line


def test_a_missing_key_is_shown_without_quotes():
    error = MissingKeyError("clip 'a' has no 'keypoint'")
    assert str(error) == "clip 'a' has no 'keypoint'"
    assert isinstance(error, UserError) and isinstance(error, KeyError)


def test_errors_of_libraries_are_one_line():
    assert in_one_line(RuntimeError("größer\n  as\0 x")) == "RuntimeError: größer as\\x00 x"
    assert in_one_line(RuntimeError()) == "RuntimeError:"
    assert in_one_line(RuntimeError("x" * 100), 20) == "RuntimeError: xxxxxx..."


@pytest.mark.parametrize("kind", [UserError, MissingKeyError])
def test_comes_out_of_a_worker_as_itself(kind):
    try:
        raise kind("clip 'a' is empty")
    except kind:
        wrapped = ExceptionWrapper(where="in DataLoader worker process 0")
    with pytest.raises(kind, match=f"{kind.__name__}: clip 'a' is empty"):
        wrapped.reraise()
