"""The memory bank of semantic alignment."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from masa_mm.errors import UserError
from masa_mm.models.alignment.gathering import gather_named_rows

EMPTY = -1
# Of a key that came from a checkpoint without the names of its clips.
UNKNOWN = -2


class MemoryBank(nn.Module):
    """First-in-first-out bank of keys and of the clips they came from (MASA, section III-C).

    Its state is in the checkpoint, so a resumed run meets the same negatives. The batch need not
    divide the length.

    Args:
        channels (int): Width of a key.
        length (int): Number of keys kept. The paper's is 6144.
        exclude_own (bool): A clip's own older keys are no negatives of it.

    Raises:
        ValueError: If length is below 1.
    """

    def __init__(self, channels: int, length: int = 6144, exclude_own: bool = True) -> None:
        super().__init__()
        if length < 1:
            raise UserError(f"MemoryBank: length must be at least 1, got {length}")
        self.exclude_own = exclude_own
        self.register_buffer("keys", torch.zeros(length, channels))
        self.register_buffer("clip_ids", torch.full((length,), EMPTY))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.long))

    def __len__(self) -> int:
        return len(self.keys)

    def is_negative(self, clip_ids: Tensor) -> Tensor:
        """Which keys are negatives for clips int64 [N]: bool [N, length].

        Empty slots are not, nor, with ``exclude_own``, are a clip's own older keys: with few clips
        to a bank they would be in it nearly always, and the loss would push a clip away from
        itself.
        """
        filled = (self.clip_ids != EMPTY).expand(len(clip_ids), -1)
        return filled & (self.clip_ids != clip_ids[:, None]) if self.exclude_own else filled

    @torch.no_grad()
    def enqueue(self, keys: Tensor, clip_ids: Tensor) -> None:
        """Add all processes' keys [N, channels] of clips int64 [N]; the oldest ones make room.

        N may be another in each process, and more than the bank holds.
        """
        keys, clip_ids = gather_named_rows(keys.to(self.keys.dtype), clip_ids)
        keys, clip_ids = keys[-len(self) :], clip_ids[-len(self) :]
        slots = (self.pointer + torch.arange(len(keys), device=keys.device)) % len(self)
        self.keys[slots] = keys
        self.clip_ids[slots] = clip_ids
        self.pointer.add_(len(keys)).remainder_(len(self))
