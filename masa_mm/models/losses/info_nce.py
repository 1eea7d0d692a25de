"""The contrastive loss of semantic alignment."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def info_nce_logits(
    query: Tensor,
    key: Tensor,
    bank: Tensor,
    is_negative: Tensor,
    temperature: float,
) -> Tensor:
    """Similarities of each query to its key (column 0) and to the bank (MASA, equation of L_s).

    Args:
        query (Tensor): [N, D], L2-normalised.
        key (Tensor): [N, D], L2-normalised, row i is the positive of query i.
        bank (Tensor): [K, D], L2-normalised older keys.
        is_negative (Tensor): bool [N, K]; False leaves a key out (empty slots, the clip's own older
            keys).
        temperature (float): Divides the similarities.

    Returns:
        Tensor: float32 [N, 1 + K], -inf where a key is left out.
    """
    # In half precision similarities of 1 / 0.07 lose the differences that the loss is about.
    with torch.autocast(query.device.type, enabled=False):
        query, key = query.float(), key.float()
        positive = (query * key).sum(-1, keepdim=True)
        negative = (query @ bank.float().t()).masked_fill(~is_negative, -torch.inf)
        return torch.cat([positive, negative], 1) / temperature


def info_nce(logits: Tensor) -> Tensor:
    """Mean cross-entropy of logits [N, 1 + K] whose first column is the positive."""
    return F.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long))
