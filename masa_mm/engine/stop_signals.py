"""Stop a run by Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Ctrl-C reaches a process from the terminal and once more from torchrun.
_REPEATED = 2.0  # seconds


class Stopped(KeyboardInterrupt):
    """The run is stopped by a signal.

    Args:
        number (int): The signal.

    Attributes:
        advice (str): How to continue, for the message.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.advice = ""

    def __str__(self) -> str:
        name = "Ctrl-C" if self.number == signal.SIGINT else signal.Signals(self.number).name
        return "; ".join(filter(None, [f"stopped by {name}", self.advice]))

    @property
    def exit_code(self) -> int:
        """The exit code of a process that the signal ends, by the convention of shells."""
        return 128 + self.number


class StopSignals:
    """Raises :class:`Stopped` in the main thread when SIGINT or SIGTERM arrives.

    Attributes:
        received (int, optional): The signal that has arrived.
        postpones_sigterm (bool): Do not raise at SIGTERM; something else looks at ``received``.
    """

    active: StopSignals | None = None

    def __init__(self) -> None:
        self.received: int | None = None
        self.postpones_sigterm = False
        self._at = 0.0
        self._process = os.getpid()

    def receive(self, number: int, frame: FrameType | None = None) -> None:
        """Handle a signal.

        Raises:
            Stopped: Unless it is postponed.
        """
        if os.getpid() != self._process:
            return  # a worker of a DataLoader: the process that started it ends it
        if self.received is not None:
            if time.monotonic() - self._at > _REPEATED:
                os._exit(128 + number)  # the user loses patience
            return
        self.received, self._at = number, time.monotonic()
        if hasattr(signal, "SIGCHLD"):
            # torch would raise an error for each worker that the signal has reached too.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.stop_if_asked()

    def stop_if_asked(self) -> None:
        """Raise :class:`Stopped` if a signal that is not postponed has arrived.

        Raises:
            Stopped: Then.
        """
        if self.received == signal.SIGINT or (self.received and not self.postpones_sigterm):
            raise Stopped(self.received)


@contextmanager
def stoppable() -> Iterator[StopSignals]:
    """Stop the block by :class:`Stopped` when SIGINT or SIGTERM arrives.

    Raises:
        Stopped: If a signal arrives, also when it first ended a worker or another process of the
            run, which is a ``RuntimeError`` here, and when other code replaced the exception.
    """
    signals = StopSignals.active = StopSignals()
    numbers = (signal.SIGINT, signal.SIGTERM)
    former = {number: signal.signal(number, signals.receive) for number in numbers}
    try:
        yield signals
    except Exception as error:
        if signals.received is None or not _is_due_to_stop(error):
            raise
        raise Stopped(signals.received) from None
    finally:
        StopSignals.active = None
        # Ctrl-C and torchrun repeat a signal, which must not meet Python's own handlers.
        for number, handler in former.items():
            if signals.received is None:
                signal.signal(number, handler)


def _is_due_to_stop(error: BaseException | None) -> bool:
    """Whether an error is that of an ended process or comes of handling :class:`Stopped`.

    mmengine's ``Config.pretty_text``, used in every save, makes a ``SyntaxError`` of any exception.
    """
    if isinstance(error, RuntimeError):
        return True
    while error is not None and not isinstance(error, Stopped):
        error = error.__context__
    return error is not None
