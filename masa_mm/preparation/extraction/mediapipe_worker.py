"""MediaPipe's Holistic as a process of its own: images on stdin, landmarks on stdout.

:mod:`masa_mm.preparation.extraction.holistic_process` runs this file by its path, with a Python
that may lack masa_mm and everything else but numpy and mediapipe. So it imports nothing else.

    python mediapipe_worker.py '{"min_detection_confidence": 0.5}'

A message is its length, uint32 little-endian, and as many bytes:

- The first answer is empty: Holistic is ready.
- An empty message begins a clip. It has no answer.
- An image is its height and width, uint32, and its pixels, uint8 [H, W, 3] in the order red, green,
  blue. The answer is float32 [75, 3]: x and y divided by width and height, and score, of 33 body
  joints, the left hand and the right hand. A part that is not found is 0.

The process ends when its stdin ends.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

LENGTH, SIZE = struct.Struct("<I"), struct.Struct("<II")
NUM_BODY, NUM_HAND = 33, 21


def main(options: dict[str, Any]) -> None:
    """Answer the messages on stdin; ``options`` are further arguments of Holistic."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C also reaches us; the parent decides
    answers = _take_stdout()
    holistic = _start(options)
    _send(answers, b"")
    for message in _messages(sys.stdin.buffer):
        if message:
            _send(answers, find(holistic, _image(message)).tobytes())
        else:
            holistic.reset()  # it tracks from image to image


def find(holistic: Any, image: np.ndarray) -> np.ndarray:
    """Return what Holistic finds in an image as :func:`landmarks` does."""
    found = holistic.process(image)
    parts = (found.pose_landmarks, found.left_hand_landmarks, found.right_hand_landmarks)
    return landmarks(*(part.landmark if part else () for part in parts))


def landmarks(body: Sequence[Any], left: Sequence[Any], right: Sequence[Any]) -> np.ndarray:
    """Return MediaPipe's landmarks of an image as float32 [75, 3]: x, y and score.

    MediaPipe gives hands no scores; a detected hand has score 1.
    """
    result = np.zeros((NUM_BODY + 2 * NUM_HAND, 3), np.float32)
    if body:
        result[:NUM_BODY] = [(mark.x, mark.y, _visibility(mark)) for mark in body]
    for hand, start in ((left, NUM_BODY), (right, NUM_BODY + NUM_HAND)):
        if hand:
            result[start : start + NUM_HAND] = [(mark.x, mark.y, 1) for mark in hand]
    return result


def _visibility(mark: Any) -> float:
    return 1.0 if mark.visibility is None else mark.visibility


def _take_stdout() -> BinaryIO:
    """Keep stdout for the answers: what MediaPipe prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _start(options: dict[str, Any]) -> Any:
    from mediapipe.python.solutions.holistic import Holistic

    # The wheel has the models of complexity 1; MediaPipe downloads the others.
    return Holistic(**dict(dict(static_image_mode=False, model_complexity=1), **options))


def _messages(stream: BinaryIO) -> Iterator[bytes]:
    while length := stream.read(LENGTH.size):
        yield stream.read(LENGTH.unpack(length)[0])


def _image(message: bytes) -> np.ndarray:
    height, width = SIZE.unpack_from(message)
    return np.frombuffer(message, np.uint8, offset=SIZE.size).reshape(height, width, 3)


def _send(stream: BinaryIO, content: bytes) -> None:
    stream.write(LENGTH.pack(len(content)) + content)
    stream.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
