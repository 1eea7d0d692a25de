"""A benchmark's clip as its official list describes it, and cutting clips out of whole videos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from masa_mm.errors import UserError


class ClipRangeError(UserError):
    """A frame range or a box does not fit the video."""


class FrameRange(NamedTuple):
    """A clip's frames within a longer video.

    Example:
        >>> FrameRange(50, 75, fps=25).within(300, fps=50)  # of a video of 300 frames
        slice(100, 150, None)
    """

    start: int  # first frame, from 0
    stop: int | None = None  # the frame after the last; None: the end of the video
    fps: float | None = None  # frame rate of start and stop; None: the video's

    def within(self, num_frames: int, fps: float | None = None) -> slice:
        """Return the clip's frames, at least one, in a video of ``num_frames``.

        Up to a tenth of the clip may lie beyond the video's end and is left out, because downloads
        end some frames early. ``fps`` is the frame rate of the video, by default the list's.

        Raises:
            ClipRangeError: If the range is empty, or more of it lies beyond the video's end.
        """
        rate = fps / self.fps if fps and self.fps else 1.0
        start = round(self.start * rate)
        stop = num_frames if self.stop is None else round(self.stop * rate)
        if self.stop is not None and self.stop > self.start:
            stop = max(stop, start + 1)  # at a lower rate a clip may round to no frame
        if start < 0 or stop <= start:
            raise ClipRangeError(f"frames {start} to {stop} are no clip of {num_frames} frames")
        if min(stop, num_frames) - start < 0.9 * (stop - start):
            raise ClipRangeError(
                f"the clip is frames {start} to {stop}, the video has {num_frames}; check that it "
                "is complete and has the list's frame rate"
            )
        return slice(start, min(stop, num_frames))


class Box(NamedTuple):
    """The signer's place in the image, in pixels or relative to the image's size."""

    left: float
    top: float
    right: float
    bottom: float
    relative: bool = False

    def within(self, img_shape: Sequence[int], margin: float = 0.0) -> tuple[slice, slice]:
        """Return the rows and columns of the image that the box covers.

        Args:
            img_shape (Sequence[int]): (h, w) of the image in pixels.
            margin (float): Margin on each side, relative to the box's longer side.

        Raises:
            ClipRangeError: If the box is empty, or more than a tenth of it lies outside the image,
                which means that the video has another size than the list's.
        """
        h, w = img_shape
        scale = np.array([w, h, w, h]) if self.relative else 1.0
        left, top, right, bottom = (np.array(self[:4], float) * scale).tolist()
        inside = (min(right, w) - max(left, 0), min(bottom, h) - max(top, 0))
        sides = (right - left, bottom - top)
        if min(sides) <= 0 or any(a < 0.9 * b for a, b in zip(inside, sides)):
            raise ClipRangeError(
                f"the box {[round(edge) for edge in (left, top, right, bottom)]} (left, top, right,"
                f" bottom) does not lie in an image of {w} x {h}; check that it is the list's video"
            )
        pad = margin * max(sides)
        rows = slice(max(0, int(top - pad)), min(h, int(np.ceil(bottom + pad))))
        return rows, slice(max(0, int(left - pad)), min(w, int(np.ceil(right + pad))))


class OfficialClip(NamedTuple):
    """A clip of a benchmark."""

    id: str
    split: str | None  # None: the list is of one split and does not name it
    label: int  # from 0
    signer: int = -1  # -1: the list does not say
    videos: tuple[str, ...] = ()  # possible names, without ending, of the video that contains it
    frames: FrameRange | None = None  # its frames in that video; None: all
    box: Box | None = None  # the signer's place in that video's image; None: anywhere


class OfficialList(NamedTuple):
    """The clips of a list, and the class names if the list has them."""

    clips: list[OfficialClip]
    classes: list[str] | None = None


def cut_clips(
    arrays: Sequence[np.ndarray], ranges: Sequence[FrameRange | None], fps: float | None = None
) -> list[tuple[np.ndarray, ...]]:
    """Cut clips out of the poses of a whole video.

    Args:
        arrays (Sequence[np.ndarray]): Per-frame arrays of the video, such as keypoint [T, V, 2]
            and score [T, V].
        ranges (Sequence[FrameRange | None]): One per clip; None: the whole video.
        fps (float, optional): Frame rate of the video; None: that of the ranges.

    Returns:
        list[tuple[np.ndarray, ...]]: For each range the frames of the arrays, as views.

    Raises:
        ClipRangeError: If a range does not fit the video (:meth:`FrameRange.within`), or the arrays
            have different numbers of frames.

    Example:
        >>> clips = cut_clips((keypoint, score), [FrameRange(0, 59), FrameRange(80, 120)])
    """
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1:
        raise ClipRangeError(f"the arrays of one video have {sorted(lengths)} frames")
    (num_frames,) = lengths
    slices = [(frames or FrameRange(0)).within(num_frames, fps) for frames in ranges]
    return [tuple(array[frames] for array in arrays) for frames in slices]
