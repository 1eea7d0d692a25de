"""Signals become one exception, once, in the main process only."""

import os
import signal

import pytest

from masa_mm.engine import stoppable
from masa_mm.engine.stop_signals import Stopped


@pytest.mark.parametrize(
    "number, code, text", [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")]
)
def test_a_signal_stops_the_block(number, code, text):
    with pytest.raises(Stopped, match=text) as caught, stoppable():
        os.kill(os.getpid(), number)
        pytest.fail("it went on")
    assert caught.value.exit_code == code
    os.kill(os.getpid(), number)  # torchrun repeats it


def test_sigterm_can_wait_but_not_ctrl_c():
    with stoppable() as signals:
        signals.postpones_sigterm = True
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.received == signal.SIGTERM
    with pytest.raises(Stopped), stoppable() as signals:
        signals.postpones_sigterm = True
        os.kill(os.getpid(), signal.SIGINT)


def test_errors_of_other_processes_that_the_signal_ended():
    with pytest.raises(Stopped), stoppable() as signals:
        signals.postpones_sigterm = True
        os.kill(os.getpid(), signal.SIGTERM)
        raise RuntimeError("Connection closed by peer")
    with pytest.raises(RuntimeError), stoppable():
        raise RuntimeError("a bug")


def test_an_exception_that_replaces_the_stop_is_the_stop():
    with pytest.raises(Stopped), stoppable():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except BaseException:  # as in mmengine's Config.pretty_text
            raise SyntaxError("cannot format") from None
    with pytest.raises(OSError, match="disk is full"), stoppable() as signals:
        signals.postpones_sigterm = True
        os.kill(os.getpid(), signal.SIGTERM)
        raise OSError("disk is full")


def test_forked_workers_ignore_it_and_handlers_come_back():
    before = signal.getsignal(signal.SIGINT)
    with stoppable():
        process = os.fork()
        if process == 0:
            os.kill(os.getpid(), signal.SIGINT)
            os._exit(0)
        assert os.waitpid(process, 0)[1] == 0
    assert signal.getsignal(signal.SIGINT) is before


def test_a_user_who_insists_is_obeyed(monkeypatch):
    codes = []
    monkeypatch.setattr(os, "_exit", codes.append)
    with stoppable() as signals:
        signals.postpones_sigterm = True
        signals.receive(signal.SIGTERM)
        signals.receive(signal.SIGINT)
        assert codes == []
        monkeypatch.setattr("masa_mm.engine.stop_signals._REPEATED", -1)
        signals.receive(signal.SIGINT)
    assert codes == [130]
