"""The frames of a video file, or of a folder of images."""

from __future__ import annotations

import os
import re
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image  # comes with matplotlib
from PIL.Image import DecompressionBombError

from masa_mm.datasets.official_clip import FrameRange
from masa_mm.errors import UserError
from masa_mm.pose.files import require_file

VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".flv", ".swf", ".wmv", ".m4v", ".mpg", ".mpeg")
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


# Twice the pixels of 8K video.
MAX_PIXELS = 2 * 7680 * 4320


class VideoError(UserError):
    """A video cannot be read."""


def read_frames(
    path: str | os.PathLike, frames: FrameRange | None = None, fps: float | None = None
) -> Iterator[np.ndarray]:
    """Read the frames of a clip one after the other.

    Args:
        path (str | os.PathLike): A video, or a folder of images, whose order is that of the numbers
            in their names.
        frames (FrameRange | None): The clip's frames; None reads all.
        fps (float | None): Frame rate where the video has none of its own (folders of images).

    Yields:
        np.ndarray: A frame, uint8 [H, W, 3] in the order blue, green, red.

    Raises:
        VideoError: If the video cannot be read, or ends early.
        ClipRangeError: If the clip's frames do not lie within the video.
    """
    read = _read_folder if Path(path).is_dir() else _read_video
    return read(Path(path), frames or FrameRange(0), fps)


def _read_video(path: Path, frames: FrameRange, fps: float | None) -> Iterator[np.ndarray]:
    if not path.is_file():
        raise VideoError(f"{path}: no such video; check its name and its folder")
    _check_name(path)
    video = cv2.VideoCapture(str(path))
    try:
        num_frames = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        if not video.isOpened() or num_frames <= 0:
            raise VideoError(f"{path}: not a video that can be read; download it again")
        _check_size(path, *map(video.get, (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)))
        clip = frames.within(num_frames, video.get(cv2.CAP_PROP_FPS) or fps)
        # Decode from the start: in many files seeking does not land on the frame asked for.
        for _ in range(clip.start):
            if not video.grab():
                break
        clip_len, count = clip.stop - clip.start, 0
        while count < clip_len:
            success, frame = video.read()
            if not success:
                break
            count += 1
            yield frame
    finally:
        video.release()
    # Containers sometimes count a few frames too many.
    if count < 0.9 * clip_len:
        raise VideoError(f"{path}: ends after {count} of {clip_len} frames; download it again")


def _check_name(path: Path) -> None:
    """Refuse a name that is not UTF-8, at which OpenCV crashes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise VideoError(f"{path}: its name is not UTF-8; rename it") from None


def _read_folder(path: Path, frames: FrameRange, fps: float | None) -> Iterator[np.ndarray]:
    images = sorted((f for f in path.iterdir() if f.suffix.lower() in IMAGES), key=_natural_key)
    for image in images[frames.within(len(images), fps)]:
        yield _read_image(image)


def _read_image(path: Path) -> np.ndarray:
    require_file(path)  # a named pipe would be waited for
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:  # reads the header only
                size = image.size
    # What the readers of its formats raise for damaged headers.
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, DecompressionBombError):
        raise VideoError(f"{path}: not an image that can be read; create it again") from None
    _check_size(path, *size)
    # Not imread, which crashes if a name is not UTF-8.
    frame = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if frame is None:
        raise VideoError(f"{path}: not an image that can be read; create it again")
    return frame


def _check_size(path: Path, width: float, height: float) -> None:
    """Refuse images that no camera makes: a small file may declare gigabytes."""
    if width * height > MAX_PIXELS:
        raise VideoError(
            f"{path}: its images have {width:.0f} x {height:.0f} pixels; give images of up to "
            f"{MAX_PIXELS / 1e6:.0f} million"
        )


def _natural_key(file: Path) -> tuple[list[int | str], str]:
    """A sort key that puts 'frame2' before 'frame10'."""
    parts = re.split(r"(\d+)", file.name)  # text and digits alternate
    return [int(part) if part.isdecimal() else part for part in parts], file.name
