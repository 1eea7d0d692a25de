"""Choice of the frames that the network sees, as a graph of fixed shape.

An exported model cannot select a number of frames that depends on the data. Here the frames are
chosen by counting instead: the k-th kept frame is the number of frames before which fewer than
k + 1 were kept. The result equals that of the transforms ``KeepHandFrames`` and
``SampleSignFrames`` in testing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from masa_mm.datasets.transforms.sampling import KeepHandFrames, SampleSignFrames
from masa_mm.errors import UserError


class FrameChoice(nn.Module):
    """Choose ``clip_len`` frames of a clip by where its hands and joints are visible.

    Args:
        sampling (SampleSignFrames): The sampling of the test pipeline: 'center', or 'uniform'
            without jitter, with one view.
        hand_frames (KeepHandFrames, optional): The transform before it, if any.

    Raises:
        UserError: If the sampling is random, or takes several views or an interval.
    """

    def __init__(
        self, sampling: SampleSignFrames, hand_frames: KeepHandFrames | None = None
    ) -> None:
        super().__init__()
        is_random = sampling.mode == "random" or (sampling.mode == "uniform" and sampling.jitter)
        if is_random or sampling.num_clips != 1 or sampling.interval != 1:
            raise UserError(
                f"an exported model cannot choose its frames by {sampling}: use a test pipeline "
                "with mode='center', or mode='uniform' and jitter=False, with num_clips=1 and "
                "interval=1"
            )
        self.clip_len = sampling.clip_len
        self.choose = self.uniform if sampling.mode == "uniform" else self.central
        self.min_joints = None if hand_frames is None else hand_frames.min_joints

    def forward(self, hand_joints: Tensor, visible: Tensor) -> Tensor:
        """Choose frames of a clip, to which a blank frame is appended.

        The blank frame serves as padding. It also keeps the graph free of empty tensors, which
        ONNX Runtime reduces wrongly.

        Args:
            hand_joints (Tensor): int64 [T + 1, 2], visible joints of each hand.
            visible (Tensor): bool [T + 1], frames that show a joint of hands or body.

        Returns:
            Tensor: int64 [clip_len], frame numbers; T stands for padding.
        """
        # Not len(visible), which an exported graph would keep as a constant.
        numbers = torch.arange(visible.shape[0], device=visible.device)
        kept = numbers < numbers[-1]
        if self.min_joints is not None:
            shows_hand = (hand_joints >= self.min_joints).any(-1)
            kept = kept & (shows_hand | ~shows_hand.any())
            # Frames are left out only where all that remain show a joint, so the rank of a frame
            # among the kept ones is its number wherever the rules below ask which are visible.
            visible = visible | (kept & shows_hand.any())
        rank = self.choose(kept.to(torch.int64).sum(), visible)
        return torch.where(rank < 0, numbers[-1], nth_true(kept, rank))

    def uniform(self, total: Tensor, visible: Tensor) -> Tensor:
        """Choose the middle of equal segments of ``total`` frames: ranks, -1 for padding."""
        slots = torch.arange(self.clip_len, device=visible.device)
        length = total.clamp(max=self.clip_len)
        bounds = slots * total // length.clamp(min=1)
        ends = (slots + 1) * total // length.clamp(min=1)
        rank = bounds + (ends - bounds) // 2
        used = slots < length
        # If no chosen frame shows a joint, the middle one of those that do replaces its segment's.
        shown = visible.to(torch.int64)
        middle = nth_true(visible, (shown.sum() // 2)[None])
        is_empty = (shown[torch.where(used, rank, -1)].sum() == 0) & (shown.sum() > 0)
        holds_middle = (bounds <= middle) & (middle < ends)
        rank = torch.where(is_empty & holds_middle, middle, rank)
        return torch.where(used, rank, -1)

    def central(self, total: Tensor, visible: Tensor) -> Tensor:
        """Choose the central crop that shows a joint: ranks, -1 for padding."""
        slots = torch.arange(self.clip_len, device=visible.device)
        starts = torch.arange(visible.shape[0] + 1, device=visible.device)
        length = total.clamp(max=self.clip_len)
        last = total - length
        counts = torch.cat([total.new_zeros(1), visible.to(torch.int64).cumsum(0)])
        shown = counts[torch.minimum(starts + length, starts[-1])] - counts
        allowed = (starts <= last) & ((shown > 0) | (counts[-1] == 0))
        # The nearest to the centre; of two equally near ones, the first.
        distance = 2 * (starts - last // 2).abs() + (starts > last // 2)
        start = torch.where(allowed, distance, 4 * total + 4).argmin()
        return torch.where(slots < length, start + slots, -1)


def nth_true(flags: Tensor, rank: Tensor) -> Tensor:
    """Find the true entries of flags, bool [T], by their ranks, int64 [K]; T where there is none.

    Example:
        >>> nth_true(torch.tensor([False, True, True]), torch.tensor([0, 1, 2]))
        tensor([1, 2, 3])
    """
    before = flags.to(torch.int64).cumsum(0)[None] <= rank[:, None]
    return before.to(torch.int64).sum(1)


def find_choice(transforms: Sequence[object]) -> FrameChoice:
    """Make the choice of frames of a test pipeline.

    Raises:
        UserError: If the pipeline samples no frames.
    """
    hand_frames: KeepHandFrames | None = None
    for transform in transforms:
        if isinstance(transform, KeepHandFrames):
            hand_frames = transform
        elif isinstance(transform, SampleSignFrames):
            return FrameChoice(transform, hand_frames)
    raise UserError("the test pipeline has no SampleSignFrames, which chooses the frames")
