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
    """Compare each query with its key (column 0) and with the bank (MASA, equation of L_s).

    Args:
        query (Tensor): [N, D], L2-normalised.
        key (Tensor): [N, D], L2-normalised; row i is the positive of query i.
        bank (Tensor): [K, D], L2-normalised older keys.
        is_negative (Tensor): bool [N, K]; False leaves a key out (an empty slot, the clip's own
            older key).
        temperature (float): Divides the similarities.

    Returns:
        Tensor: float32 [N, 1 + K], -inf where a key is left out.
    """
    # Half precision is too coarse for differences of similarities divided by 0.07.
    with torch.autocast(query.device.type, enabled=False):
        query, key = query.float(), key.float()
        positive = (query * key).sum(-1, keepdim=True)
        negative = (query @ bank.float().t()).masked_fill(~is_negative, -torch.inf)
        return torch.cat([positive, negative], 1) / temperature


def info_nce(logits: Tensor) -> Tensor:
    """Compute the mean cross-entropy of logits [N, 1 + K] whose first column is the positive."""
    return F.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long))
