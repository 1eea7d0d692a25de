"""Clips that are the same, byte for byte."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from masa_mm.preparation.audit.checks.groups import summarize_groups
from masa_mm.preparation.audit.clips import AuditClips


def identical_groups(clips: AuditClips) -> np.ndarray:
    """A number that clips with the same stored joints and scores share, int64 [clips].

    Compared is what is stored, so stores of different dtypes have no clip in common.
    """
    digests = [_digest(*clips.clip(number)) for number in range(len(clips))]
    return np.unique(np.array(digests, "S16"), return_inverse=True)[1]


def identical_clips(clips: AuditClips, group: np.ndarray) -> dict[str, Any]:
    """What :func:`identical_groups` found, see :func:`~.groups.summarize_groups`."""
    return summarize_groups(clips, group)


def _digest(keypoint: np.ndarray, score: np.ndarray) -> bytes:
    digest = hashlib.blake2b(keypoint, digest_size=16)
    digest.update(score)
    # numpy's fixed-length strings drop trailing zero bytes: none may be one.
    return digest.digest().replace(b"\0", b"\1")
