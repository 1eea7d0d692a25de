"""Clips to look at."""

from __future__ import annotations

import numpy as np

from masa_mm.preparation.audit.clips import AuditClips


def draw_samples(clips: AuditClips, number: int = 20, seed: int = 0) -> list[int]:
    """Numbers of clips drawn at random, each at most once, in ascending order.

    Args:
        clips: all clips.
        number: how many; all, if there are fewer.
        seed: of the draw; one seed, one draw.
    """
    rng = np.random.default_rng(seed)
    return sorted(rng.choice(len(clips), min(number, len(clips)), replace=False).tolist())
