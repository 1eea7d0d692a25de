"""The pipes to MediaPipe's process; the real worker script runs with a stand-in for mediapipe.

It also covers masa_mm.preparation.extraction.mediapipe_worker.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from masa_mm.preparation.extraction.estimators import EstimatorError
from masa_mm.preparation.extraction.holistic_process import HolisticProcess, last_line

from toys.mediapipe_stand_in import STAND_IN, ends, image, is_alive

PYTHON = [sys.executable]


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))


@pytest.fixture
def make():
    """A function that starts processes and ends them after the test."""
    made = []

    def start(options=(), python=PYTHON):
        made.append(HolisticProcess(python, dict(options)))
        return made[-1]

    yield start
    for process in made:
        process.close()


def test_landmarks_of_an_image(make):
    found = make(dict(min_detection_confidence=0.75)).find(image(hands=3))
    assert found.shape == (75, 3) and found.dtype == np.float32
    want = np.repeat(
        np.array([(0.01, 0.75, 0.25), (0.1, 0.2, 1), (0.8, 0.4, 1)], np.float32), (33, 21, 21), 0
    )
    np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize(("hands", "body"), [(0, 0), (0, 1), (1, 1), (2, 1)])
def test_absent_parts_are_zero(make, hands, body):
    found = make().find(image(hands, body))
    is_there = [bool(found[part].any()) for part in (slice(0, 33), slice(33, 54), slice(54, 75))]
    assert is_there == [bool(body), hands == 1, hands == 2]


def test_images_of_any_size_and_memory_order(make):
    process = make()
    for size in ((1, 1), (7, 3), (1080, 1920)):
        assert process.find(image(3, size=size)[:, ::-1][:, ::-1])[33:, 2].all()


def test_each_clip_starts_anew(make):
    process = make()
    images = [(process.find(image())[0, 0], process.begin_clip())[0] for _ in range(3)]
    np.testing.assert_allclose(images, 0.01)
    np.testing.assert_allclose([process.find(image())[0, 0] for _ in range(3)], (0.01, 0.02, 0.03))


def test_a_dead_process_fails_the_clip_and_the_next_clip_starts_another(make):
    process = make()
    process.find(image())
    with pytest.raises(EstimatorError, match=r"stopped \(exit code -9: it died of the stand-in\)"):
        process.find(image(dies=True))
    with pytest.raises(EstimatorError, match="is closed; begin a clip"):
        process.find(image())
    process.begin_clip()
    np.testing.assert_allclose(process.find(image())[0, 0], 0.01)


def test_a_process_killed_between_clips_is_replaced(make):
    process = make()
    process._process.kill()
    process._process.wait()
    process.begin_clip()
    assert process.find(image(3))[33:, 2].all()


def test_what_does_not_start_says_why(make, monkeypatch):
    with pytest.raises(EstimatorError, match=r"TypeError: .* unexpected keyword argument 'speed'"):
        make(dict(speed=3))
    with pytest.raises(FileNotFoundError, match="no-such-python"):
        make(python=["/no-such-python"])
    monkeypatch.setenv("STAND_IN_FAILS", "1")
    with pytest.raises(EstimatorError, match="FileNotFoundError: no networks in this wheel"):
        make()


def test_closing_leaves_no_process(make):
    process = make()
    worker = process._process
    process.close()
    process.close()
    assert worker.returncode == -9 and not is_alive(worker.pid)


def test_an_interruption_within_a_message_ends_the_process(make, monkeypatch):
    process = make()
    worker = process._process

    def interrupted(size):
        raise KeyboardInterrupt

    monkeypatch.setattr(worker.stdout, "read", interrupted, raising=False)
    with pytest.raises(KeyboardInterrupt):
        process.find(image())
    assert not is_alive(worker.pid)
    process.begin_clip()
    np.testing.assert_allclose(process.find(image())[0, 0], 0.01)


def test_the_worker_ends_with_its_parent():
    code = (
        "from masa_mm.preparation.extraction.holistic_process import HolisticProcess as H\n"
        "import os, sys\n"
        "print(H([sys.executable], {})._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    environment = os.environ | dict(PYTHONPATH=os.pathsep.join([*sys.path, str(STAND_IN)]))
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert done.returncode == -9 and ends(int(done.stdout))


def test_last_line():
    assert last_line(b"a\nValueError: b\n\nW0000 00:00:1 x.cc:1] c\nINFO: Created d\n") == (
        "ValueError: b"
    )
    assert last_line(b"\n") == "no message" and last_line(b"\xff\n") == "\ufffd"
