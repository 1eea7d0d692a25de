"""LostSignalHook: a signal that meets a destructor or a fork stops the run nevertheless."""

import os
import signal

import pytest
from mmengine.hooks import Hook

from masa_mm.engine import LostSignalHook, MomentumAlignmentHook, Stopped, stoppable

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Interrupted:
    """An object whose destructor a signal interrupts."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        os.kill(os.getpid(), self.number)


class Lose(Hook):
    """Loses the exception of a signal after an iteration."""

    def __init__(self, number):
        self.number = number

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == 4:
            Interrupted(self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_run_ends_before_the_next_batch(make_runner, tmp_path, number):
    hooks = [MomentumAlignmentHook(), LostSignalHook(), Lose(number)]
    with pytest.raises(Stopped), stoppable():
        runner = make_runner(tmp_path, hooks)
        runner.train()
    assert runner.iter == 5


def test_a_postponed_signal_is_left_to_the_hook_that_saves(make_runner, tmp_path):
    hooks = [MomentumAlignmentHook(), LostSignalHook(), Lose(signal.SIGTERM)]
    with stoppable() as signals:
        signals.postpones_sigterm = True
        runner = make_runner(tmp_path, hooks)
        runner.train()
    assert runner.iter == 12 and signals.received == signal.SIGTERM


def test_without_signals_to_handle_it_does_nothing(make_runner, tmp_path):
    runner = make_runner(tmp_path, [MomentumAlignmentHook(), LostSignalHook()], epochs=1)
    runner.train()
    assert runner.iter == 3
