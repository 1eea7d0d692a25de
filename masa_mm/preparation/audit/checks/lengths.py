"""How long clips are."""

from __future__ import annotations

from typing import Any

import numpy as np

from masa_mm.preparation.audit.clips import AuditClips

PERCENTILES = (0, 5, 50, 95, 100)
_BINS = 40


def clip_lengths(clips: AuditClips, num_ends: int = 5) -> dict[str, Any]:
    """Frames of the clips.

    Returns:
        ``splits``: for each its ``split``, ``clips``, ``frames``, the ``percentiles`` 0, 5, 50, 95,
        100 of the frames a clip, and a ``histogram`` (``edges``; longer than the last edge counts
        in the last bin). ``shortest`` and ``longest`` clips.
    """
    # A few very long clips would squeeze all others into one bin.
    top = max(float(np.percentile(clips.num_frames, 99.5)), 1.0)
    edges = np.linspace(0, top, _BINS + 1)
    splits = []
    for store, split in enumerate(clips.splits):
        frames = clips.num_frames[clips.store == store]
        splits.append(
            dict(
                split=split,
                clips=len(frames),
                frames=int(frames.sum()),
                percentiles=np.percentile(frames, PERCENTILES).tolist(),
                histogram=np.histogram(np.minimum(frames, top), edges)[0].tolist(),
            )
        )
    order = np.argsort(clips.num_frames, kind="stable")
    return dict(
        splits=splits,
        edges=edges.round(3).tolist(),
        shortest=[clips.describe(n) for n in order[:num_ends].tolist()],
        longest=[clips.describe(n) for n in order[::-1][:num_ends].tolist()],
    )
