"""What an official list says of a clip: label, split, signer, and where in which video it lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from masa_mm.errors import UserError


class ClipRangeError(UserError):
    """A frame range or a box that does not fit the video; the message says what does not fit."""


class FrameRange(NamedTuple):
    """A clip's frames within a longer video.

    Args:
        start: first frame, from 0.
        stop: the frame after the last; None: the clip ends with the video.
        fps: frames a second that ``start`` and ``stop`` count in; None: the video's own.

    Example:
        >>> FrameRange(50, 75, fps=25).within(300, fps=50)  # of a video of 300 frames
        slice(100, 150, None)
    """

    start: int
    stop: int | None = None
    fps: float | None = None

    def within(self, num_frames: int, fps: float | None = None) -> slice:
        """The clip's frames in a video.

        Args:
            num_frames: of the video.
            fps: of the video; None: that of the list.

        Returns:
            A slice of at least one frame. What a list says beyond the video's end is left out, up
            to a tenth of the clip: downloads end some frames early.

        Raises:
            ClipRangeError: the range is empty, or more than that lies beyond the video's end.
        """
        rate = fps / self.fps if fps and self.fps else 1.0
        start = round(self.start * rate)
        stop = num_frames if self.stop is None else round(self.stop * rate)
        if self.stop is not None and self.stop > self.start:
            stop = max(stop, start + 1)  # at a lower rate a frame may fall between two
        if start < 0 or stop <= start:
            raise ClipRangeError(f"frames {start} to {stop} are no clip of {num_frames} frames")
        if min(stop, num_frames) - start < 0.9 * (stop - start):
            raise ClipRangeError(
                f"the clip is frames {start} to {stop}, the video has {num_frames}: "
                "is it complete, and of the list's frame rate?"
            )
        return slice(start, min(stop, num_frames))


class Box(NamedTuple):
    """Where the signer is in the image: two corners, in pixels or as shares of the image's size."""

    left: float
    top: float
    right: float
    bottom: float
    relative: bool = False

    def within(self, img_shape: Sequence[int], margin: float = 0.0) -> tuple[slice, slice]:
        """Rows and columns of the image that the box covers.

        Args:
            img_shape: (h, w) of the image in pixels.
            margin: widen the box on each side by this share of its longer side.

        Raises:
            ClipRangeError: the box is empty, or more than a tenth of it lies outside the image: the
                video has another size than the list's.
        """
        h, w = img_shape
        scale = np.array([w, h, w, h]) if self.relative else 1.0
        left, top, right, bottom = (np.array(self[:4], float) * scale).tolist()
        inside = (min(right, w) - max(left, 0), min(bottom, h) - max(top, 0))
        sides = (right - left, bottom - top)
        if min(sides) <= 0 or any(a < 0.9 * b for a, b in zip(inside, sides)):
            raise ClipRangeError(
                f"the box {[round(edge) for edge in (left, top, right, bottom)]} (left, top, right,"
                f" bottom) does not lie in an image of {w} x {h}: is it the list's video?"
            )
        wider = margin * max(sides)
        rows = slice(max(0, int(top - wider)), min(h, int(np.ceil(bottom + wider))))
        return rows, slice(max(0, int(left - wider)), min(w, int(np.ceil(right + wider))))


class OfficialClip(NamedTuple):
    """A clip of a benchmark.

    Args:
        id: its name.
        split: None: the list is of one split and does not name it.
        label: its class, from 0.
        signer: -1 = the list does not say.
        videos: names, without ending, that the longer video which holds it may have.
        frames: its frames in that video; None: all.
        box: the signer's place in that video's image; None: anywhere.
    """

    id: str
    split: str | None
    label: int
    signer: int = -1
    videos: tuple[str, ...] = ()
    frames: FrameRange | None = None
    box: Box | None = None


class OfficialList(NamedTuple):
    """The clips of a list, and the class names if the list has them."""

    clips: list[OfficialClip]
    classes: list[str] | None = None


def cut_clips(
    arrays: Sequence[np.ndarray], ranges: Sequence[FrameRange | None], fps: float | None = None
) -> list[tuple[np.ndarray, ...]]:
    """Cut clips out of the poses of a whole video.

    Args:
        arrays: per-frame arrays of the video, such as keypoint [T, V, 2] and score [T, V].
        ranges: a clip each; None: the whole video. Clips may overlap.
        fps: of the video; None: that of the ranges.

    Returns:
        For each range the arrays' frames of it, as views.

    Raises:
        ClipRangeError: a range does not fit the video, see :meth:`FrameRange.within`, or the arrays
            differ in their number of frames.

    Example:
        >>> clips = cut_clips((keypoint, score), [FrameRange(0, 59), FrameRange(80, 120)])
    """
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1:
        raise ClipRangeError(f"the arrays of one video have {sorted(lengths)} frames")
    (num_frames,) = lengths
    frames = [(span or FrameRange(0)).within(num_frames, fps) for span in ranges]
    return [tuple(array[part] for array in arrays) for part in frames]
