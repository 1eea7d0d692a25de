"""Who signs, and who is in more than one split."""

from __future__ import annotations

from typing import Any

import numpy as np

from masa_mm.preparation.audit.clips import AuditClips


def shared_signers(clips: AuditClips) -> dict[str, Any]:
    """Signers of each split, and those that two splits share.

    Returns:
        ``splits``: for each its ``split``, ``signers``, ``clips``, ``known`` (clips whose signer is
        known) and ``clips_each`` (of the known signers, the most frequent first). ``shared``: for
        each two splits ``split``, ``other``, ``signers`` (that both have) and ``clips`` (of
        ``split`` by them).
    """
    number = _numbered(clips.signer)
    counts = np.stack(
        [
            np.bincount(number[(clips.store == store) & (number >= 0)], minlength=number.max() + 1)
            for store in range(len(clips.splits))
        ]
    )
    total = np.bincount(clips.store, minlength=len(clips.splits))
    splits = [
        dict(
            split=split,
            signers=int((row > 0).sum()),
            clips=int(total[store]),
            known=int(row.sum()),
            clips_each=sorted(row[row > 0].tolist(), reverse=True),
        )
        for store, (split, row) in enumerate(zip(clips.splits, counts))
    ]
    shared = [
        dict(
            split=split,
            other=other,
            signers=int(((counts[i] > 0) & (counts[j] > 0)).sum()),
            clips=int(counts[i][counts[j] > 0].sum()),
        )
        for i, split in enumerate(clips.splits)
        for j, other in enumerate(clips.splits)
        if i != j
    ]
    return dict(splits=splits, shared=shared)


def _numbered(signer: np.ndarray) -> np.ndarray:
    """Signers as 0, 1, ...; -1 = unknown."""
    number = np.full(len(signer), -1)
    known = signer >= 0
    number[known] = np.unique(signer[known], return_inverse=True)[1]
    return number
