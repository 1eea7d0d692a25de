"""How many frames of a batch there are to compute: all that packing cannot tell from shapes.

Told by the loader's workers (``pad_clips(count_frames=True)``), a device need not be asked for
them; a question makes the host wait until the device has done all that went before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from masa_mm.pose.skeleton import PARTS


class FrameCount(NamedTuple):
    """Of frames marked in a batch of clips, bool [N, T].

    Attributes:
        total (int): How many are marked.
        longest (int): How many of the clip that has most.
    """

    total: int
    longest: int


class SequenceCounts(NamedTuple):
    """What a Transformer over marked frames has to know.

    Attributes:
        frames (FrameCount): The frames it sees.
        wanted (FrameCount, optional): Those whose result is asked for. None if not counted.
        distinct (int, optional): Frames it sees, of mask tokens one for each place in a clip. None
            if not counted.
    """

    frames: FrameCount
    wanted: FrameCount | None = None
    distinct: int | None = None


class ViewCounts(NamedTuple):
    """What the encoder has to know of a view: frames that show a part, and that show any.

    Attributes:
        right (int): Frames of right hands.
        left (int): Frames of left hands.
        body (int): Frames of upper bodies.
        sequence (SequenceCounts): Frames of which a part is seen.
    """

    right: int
    left: int
    body: int
    sequence: SequenceCounts


class BatchCounts(NamedTuple):
    """What MASA has to know of a batch.

    Attributes:
        query (ViewCounts): What the mask leaves of the query view.
        key (ViewCounts, optional): The key view; None without one.
        decoder (SequenceCounts): The frames that are present, those of them that are masked, and
            the rows that differ before the decoder's first block.
    """

    query: ViewCounts
    key: ViewCounts | None
    decoder: SequenceCounts


def present_parts(score: Tensor) -> Tensor:
    """Which parts a frame shows: score [..., T, 49] -> bool [..., T, 3].

    A part is present where one of its joints has a score; padding has none (the dataset's
    contract).
    """
    return torch.stack([(score[..., part.joints] > 0).any(-1) for part in PARTS], -1)


def frame_positions(frame_inds: Tensor) -> Tensor:
    """Frame numbers [N, T] counted from a view's first frame; padding (-1) becomes 0."""
    return (frame_inds - frame_inds[:, :1]).clamp(min=0)


def count_frames(marked: Tensor) -> FrameCount:
    """Count marked frames, bool [N, T]; asks their device once."""
    return FrameCount(*_read(_frames(marked)))


def count_view(seen: Tensor) -> ViewCounts:
    """Count the parts seen, bool [N, T, 3]; asks their device once."""
    return _as_view(_read(_view(seen)))


def count_all(num_clips: int, num_frames: int) -> ViewCounts:
    """Counts of a view whose every frame is computed, padding too."""
    total = num_clips * num_frames
    return ViewCounts(total, total, total, SequenceCounts(FrameCount(total, num_frames)))


def count_batch(inputs: Mapping[str, Tensor]) -> BatchCounts:
    """Count a batch of one view of one person a clip; asks its device once.

    Args:
        inputs (Mapping): keypoint [N, 1, 1, T, 49, 3], frame_mask bool [N, T, 3] and frame_inds
            [N, T]; key_keypoint [N, 1, 1, T', 49, 3] and key_frame_mask bool [N, T', 3] if there.

    Returns:
        BatchCounts: What :class:`~masa_mm.models.MASA` would otherwise have to ask.
    """
    present = present_parts(inputs["keypoint"][:, 0, 0, ..., 2])
    seen = present & ~inputs["frame_mask"]
    places = frame_positions(inputs["frame_inds"])
    values = _view(seen) + _decoder(present, seen, inputs["frame_mask"], places)
    with_key = "key_keypoint" in inputs
    if with_key:
        key = present_parts(inputs["key_keypoint"][:, 0, 0, ..., 2])
        masked = inputs.get("key_frame_mask")
        values += _view(key if masked is None else key & ~masked)
    found = _read(values)
    return BatchCounts(
        _as_view(found[:5]), _as_view(found[10:]) if with_key else None, _as_sequence(found[5:10])
    )


def _read(values: list[Tensor]) -> list[int]:
    """All at once: each by itself would wait for the device again."""
    return torch.stack(values).tolist()


def _frames(marked: Tensor) -> list[Tensor]:
    of_clips = marked.sum(1)
    return [of_clips.sum(), of_clips.max()]


def _view(seen: Tensor) -> list[Tensor]:
    return [*seen.sum((0, 1)).unbind(), *_frames(seen.any(-1))]


def _decoder(present: Tensor, seen: Tensor, masked: Tensor, places: Tensor) -> list[Tensor]:
    frames, visible = present.any(-1), seen.any(-1)
    distinct = visible.sum() + _different(places, frames & ~visible)
    return [*_frames(frames), *_frames(frames & masked.any(-1)), distinct]


def _different(values: Tensor, marked: Tensor) -> Tensor:
    """How many different values of 0 or more are marked; without asking, as unique would."""
    ordered = values.masked_fill(~marked, -1).flatten().sort().values
    return (ordered.diff(prepend=ordered.new_full((1,), -1)) > 0).sum()


def _as_view(found: list[int]) -> ViewCounts:
    return ViewCounts(*found[:3], SequenceCounts(FrameCount(*found[3:])))


def _as_sequence(found: list[int]) -> SequenceCounts:
    return SequenceCounts(FrameCount(*found[:2]), FrameCount(*found[2:4]), found[4])
