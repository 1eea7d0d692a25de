"""How many clips each class has."""

from __future__ import annotations

from typing import Any

import numpy as np

from masa_mm.preparation.audit.clips import AuditClips


def class_balance(clips: AuditClips) -> dict[str, Any]:
    """Clips of each class in each split.

    Returns:
        ``classes`` (of the class list), their ``glosses``, ``counts`` (of each class its clips in
        each split, in the splits' order) and ``splits``: for each its ``split``, ``labelled`` and
        ``unlabelled`` clips, ``present`` (classes with a clip), the ``least``, ``median`` and
        ``most`` clips of those, and ``only_here`` (classes that no other split has a clip of).
    """
    classes = len(clips.glosses)
    counts = np.stack(
        [
            np.bincount(clips.label[(clips.store == store) & (clips.label >= 0)], minlength=classes)
            for store in range(len(clips.splits))
        ]
    )
    elsewhere = counts.sum(0) - counts
    return dict(
        classes=classes,
        splits=[
            _of_split(split, counts[store], int((clips.store == store).sum()), elsewhere[store])
            for store, split in enumerate(clips.splits)
        ],
        glosses=clips.glosses,
        counts=counts.T.tolist(),
    )


def _of_split(split: str, count: np.ndarray, total: int, elsewhere: np.ndarray) -> dict[str, Any]:
    present = count[count > 0]
    least, median, most = (
        (int(present.min()), float(np.median(present)), int(present.max()))
        if len(present)
        else (0, 0.0, 0)
    )
    return dict(
        split=split,
        labelled=int(count.sum()),
        unlabelled=total - int(count.sum()),
        present=len(present),
        least=least,
        median=median,
        most=most,
        only_here=int(((count > 0) & (elsewhere == 0)).sum()),
    )
