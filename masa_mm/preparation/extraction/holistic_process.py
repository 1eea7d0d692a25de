"""MediaPipe's Holistic in a process of its own, and its pipes.

The other end of the pipes is :mod:`masa_mm.preparation.extraction.mediapipe_worker`, which also
describes the messages.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from masa_mm.preparation.extraction.estimators import EstimatorError
from masa_mm.preparation.extraction.mediapipe_worker import LENGTH, NUM_BODY, NUM_HAND, SIZE

WORKER = Path(__file__).with_name("mediapipe_worker.py")
# How the log lines of MediaPipe and of its libraries begin.
_LOG_LINE = re.compile(r"[IW]\d{4} |INFO|WARNING")


class HolisticProcess:
    """MediaPipe's Holistic, run by a Python that has mediapipe.

    A process that dies fails the clip at hand. The next clip starts another one.

    Args:
        python (Sequence[str]): The command of that Python.
        options (dict): Arguments of ``mediapipe.solutions.holistic.Holistic``, as JSON values.

    Raises:
        EstimatorError: If it does not start.
    """

    def __init__(self, python: Sequence[str], options: dict[str, Any]) -> None:
        self._command = [*python, str(WORKER), json.dumps(options)]
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long
        self._process: subprocess.Popen | None = None
        self.begin_clip()

    def begin_clip(self) -> None:
        """Forget the previous clip: Holistic tracks from image to image.

        Raises:
            EstimatorError: If the process does not start.
        """
        self._log.seek(0)
        self._log.truncate()
        if self._process is None or self._process.poll() is not None:
            self._start()
            return
        with self._guarded() as process:
            _send(process, b"")

    def find(self, image: np.ndarray) -> np.ndarray:
        """Find the person in an image, uint8 [H, W, 3] in the order red, green, blue.

        Returns:
            np.ndarray: float32 [75, 3]: x and y divided by width and height, and score (0 =
                absent), of 33 body joints, the left hand and the right hand.

        Raises:
            EstimatorError: If the process died.
        """
        with self._guarded() as process:
            _send(process, SIZE.pack(*image.shape[:2]) + image.tobytes())
            answer = _receive(process)
        return np.frombuffer(answer, np.float32).reshape(NUM_BODY + 2 * NUM_HAND, 3)

    def close(self) -> None:
        """End the process. It has nothing to save."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()  # closes the pipes and waits
            self._process = None

    def _start(self) -> None:
        self.close()
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log
        )
        with self._guarded() as process:
            _receive(process)

    @contextmanager
    def _guarded(self) -> Iterator[subprocess.Popen]:
        """Yield the process. End it on any error: half a message may be in a pipe."""
        if self._process is None:
            raise EstimatorError("MediaPipe's process is closed; begin a clip")
        try:
            yield self._process
        except (OSError, EOFError):
            raise self._failure(self._process) from None
        except BaseException:
            self.close()
            raise

    def _failure(self, process: subprocess.Popen) -> EstimatorError:
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)  # its pipes close before it has ended
        code = process.poll()
        self.close()
        self._log.seek(0)
        return EstimatorError(
            f"MediaPipe's process stopped (exit code {code}: {last_line(self._log.read())}); "
            "see docs/data/extraction.md"
        )


def last_line(log: bytes) -> str:
    """Return the last line of what a process wrote that is not a log line of MediaPipe."""
    lines = [line.strip() for line in log.decode(errors="replace").splitlines()]
    lines = [line for line in lines if line and not _LOG_LINE.match(line)]
    return lines[-1][:300] if lines else "no message"


def _send(process: subprocess.Popen, content: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(LENGTH.pack(len(content)) + content)
    process.stdin.flush()


def _receive(process: subprocess.Popen) -> bytes:
    return _read(process, LENGTH.unpack(_read(process, LENGTH.size))[0])


def _read(process: subprocess.Popen, size: int) -> bytes:
    assert process.stdout is not None
    content = process.stdout.read(size)
    if len(content) < size:
        raise EOFError
    return content
