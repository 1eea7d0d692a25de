"""Videos of a moving bright square, and an estimator that finds it."""

from __future__ import annotations

import cv2
import numpy as np

from masa_mm.preparation.extraction.estimators import ESTIMATORS, Persons, PoseEstimator, nobody

WIDTH, HEIGHT, SIDE, FPS = 160, 120, 8, 25
# Offsets of the joints from the middle of the square, so that hands have an extent.
_SPREAD = np.random.default_rng(0).uniform(-3, 3, (133, 2)).astype(np.float32)


def middle(frame):
    """Middle (x, y) of the square in a frame, different in each frame."""
    return 20 + 2 * frame + SIDE / 2, 40 + SIDE / 2


def image(frame):
    picture = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
    x, y = 20 + 2 * frame, 40
    picture[y : y + SIDE, x : x + SIDE] = 255
    return picture


def make_video(path, num_frames=20, fps=FPS):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), fps, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for frame in range(num_frames):
        writer.write(image(frame))
    writer.release()
    return path


def make_empty_video(path, num_frames=5):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), FPS, (WIDTH, HEIGHT))
    for _ in range(num_frames):
        writer.write(np.full((HEIGHT, WIDTH, 3), 20, np.uint8))
    writer.release()
    return path


def make_folder(path, num_frames=12):
    path.mkdir(parents=True)
    for frame in range(num_frames):
        cv2.imwrite(str(path / f"frame{frame}.png"), image(frame))
    return path


def frame_of(keypoint):
    """Numbers [T] of the frames of some poses, from the position of the square."""
    x = (keypoint - _SPREAD).mean(1)[:, 0]
    return np.rint((x - middle(0)[0]) / 2).astype(int).tolist()


def find_square(frame):
    rows, columns = np.nonzero(frame.min(2) > 128)
    if not len(rows):
        return None
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5], np.float32)


if "square" not in ESTIMATORS:

    @ESTIMATORS.register_module(name="square")
    class SquareEstimator(PoseEstimator):
        """Puts all joints near the square, with score 0.9."""

        layout = "coco_wholebody"

        def __init__(self, device="cpu", score=0.9, log=None):
            self.score, self.log, self.frames = score, log, 0

        def persons(self, frame):
            self.frames += 1
            found = find_square(frame)
            if found is None:
                return nobody(self.layout)
            return Persons((found + _SPREAD)[None], np.full((1, 133), self.score, np.float32))
