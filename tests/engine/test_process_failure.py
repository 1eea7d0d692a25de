"""first_fails_for_all: the others stop when the first process fails, and only then."""

from unittest import mock

import pytest

from masa_mm.engine import process_failure
from masa_mm.engine.process_failure import StoppedByFirst, first_fails_for_all


@pytest.fixture
def exchange():
    """The broadcast of the first process's answer, here to no other process."""
    with mock.patch.object(process_failure, "broadcast_object_list") as broadcast:
        yield broadcast


def test_the_first_process_tells_the_others_and_raises_its_own_error(exchange):
    with pytest.raises(ZeroDivisionError), first_fails_for_all():
        _ = 1 / 0
    exchange.assert_called_once_with([True])


def test_the_others_stop_with_the_first_one(exchange):
    exchange.side_effect = lambda failed: failed.__setitem__(0, True)
    with pytest.raises(StoppedByFirst), first_fails_for_all():
        pass


def test_all_go_on_without_an_error(exchange):
    with first_fails_for_all():
        pass
    exchange.assert_called_once_with([False])


def test_ctrl_c_waits_for_nobody(exchange):
    with pytest.raises(KeyboardInterrupt), first_fails_for_all():
        raise KeyboardInterrupt
    exchange.assert_not_called()
