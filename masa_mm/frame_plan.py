"""The frame plan: which frames and parts of a batch are computed, found once and used throughout.

Masks, absent parts and padding leave gaps in a batch. A plan lists what remains as indices. Their
number depends on the data, so building the plan on a GPU synchronises with it. A loader's worker
can build the plan on its CPU instead (``pad_clips(plan_frames=True)``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from masa_mm.pose.skeleton import PARTS

# The widest temporal kernel, 5, covers two frames to either side.
TEMPORAL_REACH = 2


class FramePacking(NamedTuple):
    """Where the F chosen frames of a padded batch lie.

    Attributes:
        rows (Tensor): int64 [F], their indices among the N * T frames, ascending.
        slots (Tensor): int64 [F], their indices among N * L slots, which hold each clip's chosen
            frames first.
        num_clips (int): N.
        num_frames (int): T.
        num_slots (int): L, the largest number of chosen frames in a clip, at least 1.
    """

    rows: Tensor
    slots: Tensor
    num_clips: int
    num_frames: int
    num_slots: int

    @property
    def is_full(self) -> bool:
        """Whether no slot is empty."""
        return len(self.slots) == self.num_clips * self.num_slots


class SequencePlan(NamedTuple):
    """What a Transformer over a padded batch computes.

    Attributes:
        frames (FramePacking): The frames to compute, packed as rows 0..F-1.
        position (Tensor): int64 [N, T], each frame's place in its clip.
        queries (FramePacking, optional): The frames whose output is needed. None for all.
        query_rows (Tensor, optional): int64 [Q], the rows of these frames.
        token_rows (Tensor, optional): int64, the rows that the mask token replaces.
        unique_rows (Tensor, optional): int64 [D], rows that may differ. None if all may.
        unique_inverse (Tensor, optional): int64 [F], which of them each row is identical to.
        keys (Tensor, optional): bool [F], the rows that may be attended to. None for all.
    """

    frames: FramePacking
    position: Tensor
    queries: FramePacking | None = None
    query_rows: Tensor | None = None
    token_rows: Tensor | None = None
    unique_rows: Tensor | None = None
    unique_inverse: Tensor | None = None
    keys: Tensor | None = None

    @property
    def outputs(self) -> FramePacking:
        """The frames of the output."""
        return self.frames if self.queries is None else self.queries

    def of_block(self, is_first: bool, is_last: bool) -> SequencePlan:
        """Plan one block: identical rows enter only the first, only the last drops rows."""
        plan = self if is_first else self._replace(unique_rows=None, unique_inverse=None)
        return plan if is_last else plan.with_all_queries()

    def with_all_queries(self) -> SequencePlan:
        """Plan to output every computed frame."""
        return self._replace(queries=None, query_rows=None)


class ViewPlan(NamedTuple):
    """What the encoder computes of one view of each clip.

    Attributes:
        right, left, body (Tensor): int64, the frames among N * T in which the part is visible.
        hand_neighbours (Tensor): int64 [right + left, 5], see :func:`neighbour_rows`.
        body_neighbours (Tensor): int64 [body, 5].
        masked (Tensor): int64, the masked parts among N * T * 3.
        sequence (SequencePlan): The frames in which a part is visible.
    """

    right: Tensor
    left: Tensor
    body: Tensor
    hand_neighbours: Tensor
    body_neighbours: Tensor
    masked: Tensor
    sequence: SequencePlan

    @property
    def parts(self) -> Tensor:
        """Indices of visible parts among N * T * 3: right hands, left hands, bodies."""
        return torch.cat([3 * self.right, 3 * self.left + 1, 3 * self.body + 2])

    @property
    def shape(self) -> tuple[int, int, int]:
        """N, T and the number of parts."""
        return self.sequence.frames.num_clips, self.sequence.frames.num_frames, len(PARTS)

    def flags(self, indices: Tensor) -> Tensor:
        """Mark indices of parts: bool [N, T, 3]."""
        marked = torch.zeros(self.shape, dtype=torch.bool, device=indices.device)
        marked.view(-1).index_fill_(0, indices, True)
        return marked


class BatchPlan(NamedTuple):
    """What pretraining computes of a batch.

    Attributes:
        query (ViewPlan): The query view.
        decoder (SequencePlan): Every present frame; only masked ones are output.
        key (ViewPlan, optional): The key view.
    """

    query: ViewPlan
    decoder: SequencePlan
    key: ViewPlan | None


class PackedPlan(NamedTuple):
    """A plan with its tensors in one, which is quick to send to another process or device.

    Attributes:
        indices (Tensor): int64, the plan's tensors one after another.
        restore (Callable): Makes the plan, of views, from ``indices``.
    """

    indices: Tensor
    restore: Callable[[Tensor], Any]

    def unpack(self) -> Any:
        """Return the plan."""
        return self.restore(self.indices)


def pack_plan(plan: ViewPlan | BatchPlan) -> PackedPlan:
    """Put all tensors of a plan, which are int64, into one."""
    tensors: list[Tensor] = []

    def shape_of(field: Any) -> Any:
        if not isinstance(field, Tensor):
            return field
        tensors.append(field.flatten())
        return field.shape

    restore = partial(_restore_plan, _map_fields(plan, shape_of), list(map(len, tensors)))
    return PackedPlan(torch.cat(tensors), restore)


def _restore_plan(shapes: Any, sizes: list[int], indices: Tensor) -> Any:
    parts = iter(indices.split(sizes))
    return _map_fields(shapes, lambda x: next(parts).view(x) if isinstance(x, torch.Size) else x)


def _map_fields(plan: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(plan, tuple) and hasattr(plan, "_fields"):
        return type(plan)(*(_map_fields(field, change) for field in plan))
    return change(plan)


def present_parts(score: Tensor) -> Tensor:
    """Find the parts that a frame shows: score [..., T, 49] -> bool [..., T, 3].

    A part is present where one of its joints has a positive score; padding has none.
    """
    shown = score > 0
    return torch.stack([shown[..., part.joints].any(-1) for part in PARTS], -1)


def frame_positions(frame_inds: Tensor) -> Tensor:
    """Frame numbers [N, T] counted from a view's first frame; padding (-1) becomes 0."""
    return (frame_inds - frame_inds[:, :1]).clamp(min=0)


def true_indices(flags: Tensor) -> Tensor:
    """Indices of the True entries of a flattened bool tensor, int64."""
    return flags.flatten().nonzero().flatten()


def pack_flagged(flags: Tensor) -> FramePacking:
    """Locate the flagged frames, bool [N, T]."""
    num_clips, num_frames = flags.shape
    num_slots = max(int(flags.sum(1).max()), 1)
    first = num_slots * torch.arange(num_clips, device=flags.device)
    slots = flags.cumsum(1) - 1 + first[:, None]
    rows = true_indices(flags)
    slots = slots.flatten().index_select(0, rows)
    return FramePacking(rows, slots, num_clips, num_frames, num_slots)


def neighbour_rows(flags: Tensor, rows: Tensor, reach: int = TEMPORAL_REACH) -> Tensor:
    """For each flagged frame, find the packed rows of the frames around it.

    Args:
        flags (Tensor): bool [N, T]; the flagged frames, in this order, are the packed rows 0..F-1.
        rows (Tensor): int64 [F], the indices of the flagged frames.
        reach (int): Frames to either side.

    Returns:
        Tensor: int64 [F, 2 * reach + 1]; F stands for a frame that is not flagged or lies outside
            the clip.
    """
    numbers = torch.where(flags, flags.flatten().cumsum(0).view_as(flags) - 1, len(rows))
    padded = F.pad(numbers, (reach, reach), value=len(rows))
    return padded.unfold(1, 2 * reach + 1, 1).flatten(0, 1).index_select(0, rows)


def plan_view(
    present: Tensor, masked: Tensor | None = None, position: Tensor | None = None
) -> ViewPlan:
    """Plan what the encoder computes: the parts that are present and not masked.

    Args:
        present (Tensor): bool [N, T, 3].
        masked (Tensor, optional): bool [N, T, 3]. Defaults to none.
        position (Tensor, optional): int64 [N, T]. Defaults to 0..T-1.
    """
    masked = torch.zeros_like(present) if masked is None else masked
    if position is None:
        position = torch.arange(present.shape[1], device=present.device).expand(present.shape[:2])
    seen = present & ~masked
    right, left, body = (true_indices(flags) for flags in seen.unbind(-1))
    hands = torch.cat([seen[..., 0], seen[..., 1]])
    return ViewPlan(
        right,
        left,
        body,
        neighbour_rows(hands, torch.cat([right, left + position.numel()])),
        neighbour_rows(seen[..., 2], body),
        true_indices(masked),
        SequencePlan(pack_flagged(seen.any(-1)), position),
    )


def plan_decoder(present: Tensor, masked: Tensor, position: Tensor) -> SequencePlan:
    """Plan the decoder, which computes the present frames and outputs the masked ones.

    Arguments are as of :func:`plan_view`.
    """
    shown = present.any(-1)
    needed = shown & masked.any(-1)
    frames = pack_flagged(shown)

    def of_rows(values: Tensor) -> Tensor:
        return values.flatten().index_select(0, frames.rows)

    hidden = ~of_rows((present & ~masked).any(-1))
    # Mask tokens at one position are identical in all clips; any other row is unlike all others.
    order = torch.arange(len(hidden), device=hidden.device)
    identity = torch.where(hidden, of_rows(position), -1 - order)
    identities, inverse = identity.unique(return_inverse=True)
    return SequencePlan(
        frames,
        position,
        queries=pack_flagged(needed),
        query_rows=true_indices(of_rows(needed)),
        token_rows=true_indices(hidden),
        unique_rows=torch.zeros_like(identities).scatter_(0, inverse, order),
        unique_inverse=inverse,
    )


def plan_batch(inputs: Mapping[str, Tensor]) -> BatchPlan:
    """Plan a pretraining batch: one view of one person a clip.

    Args:
        inputs (Mapping): keypoint [N, 1, 1, T, 49, 3], frame_mask bool [N, T, 3] and frame_inds
            [N, T]; optionally key_keypoint [N, 1, 1, T', 49, 3], key_frame_inds [N, T'] and
            key_frame_mask bool [N, T', 3].
    """
    present = present_parts(inputs["keypoint"][:, 0, 0, ..., 2])
    view = present, inputs["frame_mask"], frame_positions(inputs["frame_inds"])
    key = None
    if "key_keypoint" in inputs:
        key = plan_view(
            present_parts(inputs["key_keypoint"][:, 0, 0, ..., 2]),
            inputs.get("key_frame_mask"),
            frame_positions(inputs["key_frame_inds"]),
        )
    return BatchPlan(plan_view(*view), plan_decoder(*view), key)


def plan_recognition(keypoint: Tensor) -> ViewPlan:
    """Plan a batch to recognise, keypoint [N, num_clips, M, T, 49, 3]: all that is present."""
    return plan_view(present_parts(keypoint[..., 2].flatten(0, 2)))
