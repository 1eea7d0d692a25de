"""Rows of all processes, of which each may have another number."""

from __future__ import annotations

import torch
from mmengine import dist
from torch import Tensor
from torch.nn import functional as F


def gather_rows(rows: Tensor) -> Tensor:
    """Rows of all processes, rank after rank.

    Args:
        rows (Tensor): [N, ...]; N may be another in each process, and 0. The rest of the shape and
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
    """Rows [N, C] and their names int64 [N] of all processes, in one exchange."""
    width = rows.shape[1] * rows.element_size()
    gathered = gather_rows(torch.cat([_as_bytes(rows), _as_bytes(names[:, None])], 1))
    # Copies: what is viewed as a wider type must be aligned to it.
    rows = gathered[:, :width].clone(memory_format=torch.contiguous_format).view(rows.dtype)
    names = gathered[:, width:].clone(memory_format=torch.contiguous_format).view(names.dtype)
    return rows, names[:, 0]


def _as_bytes(rows: Tensor) -> Tensor:
    """Rows [N, C] as uint8 [N, bytes of a row]."""
    return rows.contiguous().view(torch.uint8)
