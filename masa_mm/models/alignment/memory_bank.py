"""The memory bank of semantic alignment, shared by all processes."""

from __future__ import annotations

import torch
from mmengine import dist
from torch import Tensor, nn
from torch.nn import functional as F

from masa_mm.deprecation import renamed_options
from masa_mm.errors import UserError

EMPTY = -1
# Clip id of a key from a checkpoint that does not name its clips.
UNKNOWN = -2


@renamed_options(length="queue_len")
class MemoryBank(nn.Module):
    """First-in-first-out bank of keys and of the ids of their clips (MASA, section III-C).

    Its state is saved in the checkpoint, so a resumed run has the same negatives. The batch size
    need not divide the length.

    Args:
        channels (int): Width of a key.
        queue_len (int): K, the number of keys kept.
        exclude_own (bool): Do not count a clip's own older keys as its negatives.

    Raises:
        UserError: If queue_len is below 1.
    """

    keys: Tensor
    clip_ids: Tensor
    pointer: Tensor

    def __init__(self, channels: int, queue_len: int = 6144, exclude_own: bool = True) -> None:
        super().__init__()
        if queue_len < 1:
            raise UserError(f"MemoryBank: queue_len must be at least 1, got {queue_len}")
        self.exclude_own = exclude_own
        self.register_buffer("keys", torch.zeros(queue_len, channels))
        self.register_buffer("clip_ids", torch.full((queue_len,), EMPTY))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.long))

    def __len__(self) -> int:
        return len(self.keys)

    def is_negative(self, clip_ids: Tensor) -> Tensor:
        """Find which keys are negatives for clips int64 [N]: bool [N, queue_len].

        Empty slots are not, nor, with ``exclude_own``, are a clip's own older keys: with few clips
        they are nearly always in the bank, and the loss would push a clip away from itself.
        """
        filled = (self.clip_ids != EMPTY).expand(len(clip_ids), -1)
        return filled & (self.clip_ids != clip_ids[:, None]) if self.exclude_own else filled

    @torch.no_grad()
    def enqueue(self, keys: Tensor, clip_ids: Tensor) -> None:
        """Add all processes' keys [N, channels] of clips int64 [N], replacing the oldest ones.

        N may differ between processes, and exceed the bank's length.
        """
        keys, clip_ids = gather_named_rows(keys.to(self.keys.dtype), clip_ids)
        keys, clip_ids = keys[-len(self) :], clip_ids[-len(self) :]
        slots = (self.pointer + torch.arange(len(keys), device=keys.device)) % len(self)
        self.keys[slots] = keys
        self.clip_ids[slots] = clip_ids
        self.pointer.add_(len(keys)).remainder_(len(self))


def gather_rows(rows: Tensor) -> Tensor:
    """Gather rows of all processes, rank after rank.

    Args:
        rows (Tensor): [N, ...]; N may differ between processes, and be 0. The rest of the shape and
            the dtype must be the same in all.

    Returns:
        Tensor: [sum of all N, ...], the same in all processes.
    """
    if dist.get_world_size() == 1:
        return rows
    counts = torch.cat(dist.all_gather(torch.tensor([len(rows)], device=rows.device))).tolist()
    # Collectives take tensors of one shape.
    padding = (0, 0) * (rows.ndim - 1) + (0, max(counts) - len(rows))
    gathered = dist.all_gather(F.pad(rows, padding).contiguous())
    return torch.cat([part[:count] for part, count in zip(gathered, counts, strict=True)])


def gather_named_rows(rows: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
    """Gather rows [N, C] and their names int64 [N] of all processes in one exchange."""
    width = rows.shape[1] * rows.element_size()
    gathered = gather_rows(torch.cat([_as_bytes(rows), _as_bytes(names[:, None])], 1))
    # A view as a wider type needs aligned memory, thus a copy.
    rows = gathered[:, :width].clone(memory_format=torch.contiguous_format).view(rows.dtype)
    names = gathered[:, width:].clone(memory_format=torch.contiguous_format).view(names.dtype)
    return rows, names[:, 0]


def _as_bytes(rows: Tensor) -> Tensor:
    """Rows [N, C] as uint8 [N, bytes of a row]."""
    return rows.contiguous().view(torch.uint8)
