"""The frames of a video file, or of a folder of images."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from masa_mm.datasets.official_clip import FrameRange
from masa_mm.errors import UserError

VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".flv", ".swf", ".wmv", ".m4v", ".mpg", ".mpeg")
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


class VideoError(UserError):
    """A video that cannot be read; the message says what is wrong with it."""


def read_frames(
    path: str | os.PathLike, frames: FrameRange | None = None, fps: float | None = None
) -> Iterator[np.ndarray]:
    """The frames of a clip, one after the other, uint8 [H, W, 3], blue, green, red.

    Args:
        path: a video, or a folder of images in the order of the numbers in their names.
        frames: the clip's frames; None: all.
        fps: the frame rate, where the video does not tell its own (folders of images).

    Raises:
        VideoError: it cannot be read, or ends before its time.
        ClipRangeError: the clip is not within it.
    """
    read = _read_folder if Path(path).is_dir() else _read_video
    return read(Path(path), frames or FrameRange(0), fps)


def _read_video(path: Path, frames: FrameRange, fps: float | None) -> Iterator[np.ndarray]:
    if not path.is_file():
        raise VideoError(f"{path}: no such video; is its name or its folder another?")
    video = cv2.VideoCapture(str(path))
    try:
        num_frames = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        if not video.isOpened() or num_frames <= 0:
            raise VideoError(f"{path}: not a video that can be read; download it again")
        part = frames.within(num_frames, video.get(cv2.CAP_PROP_FPS) or fps)
        count = 0
        for frame in _decoded(video, part):
            count += 1
            yield frame
    finally:
        video.release()
    wanted = part.stop - part.start
    if count < 0.9 * wanted:  # a container's own count is a little high at times
        raise VideoError(f"{path}: ends after {count} of {wanted} frames; download it again")


def _decoded(video: cv2.VideoCapture, part: slice) -> Iterator[np.ndarray]:
    # Frame by frame from the start: in many files seeking lands on other frames.
    for _ in range(part.start):
        video.grab()
    for _ in range(part.start, part.stop):
        there, frame = video.read()
        if not there:
            return
        yield frame


def _read_folder(path: Path, frames: FrameRange, fps: float | None) -> Iterator[np.ndarray]:
    images = folder_images(path)
    for image in images[frames.within(len(images), fps)]:
        frame = cv2.imread(str(image), cv2.IMREAD_COLOR)
        if frame is None:
            raise VideoError(f"{image}: not an image that can be read; make it again")
        yield frame


def folder_images(path: Path) -> list[Path]:
    """The images of a folder, 'frame2' before 'frame10'."""
    images = [file for file in path.iterdir() if file.suffix.lower() in IMAGES]
    return sorted(images, key=lambda file: _natural(file.name))


def _natural(name: str) -> list[tuple[bool, int, str]]:
    parts = re.findall(r"\d+|\D+", name)
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]
