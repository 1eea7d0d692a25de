"""All checks, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from masa_mm.preparation.audit import checks
from masa_mm.preparation.audit.checks.duplicates import identical_groups
from masa_mm.preparation.audit.checks.near_duplicates import THRESHOLD
from masa_mm.preparation.audit.clips import AuditClips


def audit(
    clips: AuditClips,
    official: Sequence[checks.OfficialPart] = (),
    near: float = THRESHOLD,
    num_samples: int = 20,
    seed: int = 0,
    progress: Callable[[str], object] = lambda step: None,
) -> dict[str, Any]:
    """Run every check.

    Args:
        clips: of :func:`~masa_mm.preparation.audit.open_clips`.
        official: of :func:`~masa_mm.preparation.audit.checks.official_parts`; none: no coverage.
        near: threshold of near-duplicates.
        num_samples: clips to draw.
        seed: of the draw.
        progress: called with the name of each check as it begins.

    Returns:
        A dict of what the checks return, plain data that JSON can hold: ``stores``, ``coverage`` (a
        list), ``identical``, ``near``, ``leaks`` (a list), ``signers``, ``presence``,
        ``lengths``, ``balance``, ``coordinates``, ``tracking``, ``refused``, ``samples``.

    Example:
        >>> found = audit(open_clips(['wlasl_train.safetensors', 'wlasl_val.safetensors']))
        >>> found['identical']['across_splits']
    """
    found: dict[str, Any] = {}
    identical = identical_groups(clips)
    steps: dict[str, Callable[[], Any]] = dict(
        stores=lambda: _stores(clips),
        coverage=lambda: [checks.official_coverage(clips, part) for part in official],
        identical=lambda: checks.identical_clips(clips, identical),
        near=lambda: checks.near_duplicates(clips, identical, near),
        leaks=lambda: checks.twins_of_train(
            found["identical"]["groups"] + found["near"]["groups"], clips.splits
        ),
        signers=lambda: checks.shared_signers(clips),
        presence=lambda: checks.presence_and_confidence(clips),
        lengths=lambda: checks.clip_lengths(clips),
        balance=lambda: checks.class_balance(clips),
        coordinates=lambda: checks.coordinate_ranges(clips),
        tracking=lambda: checks.frozen_and_jumping(clips),
        refused=lambda: checks.refused_clips(clips),
        samples=lambda: _samples(clips, num_samples, seed),
    )
    for name, step in steps.items():
        progress(name)
        found[name] = step()
    return found


def _stores(clips: AuditClips) -> list[dict[str, Any]]:
    return [
        dict(
            split=split,
            path=store.path,
            source=store.source,
            clips=len(store),
            frames=len(store.keypoint),
            dtype=store.keypoint.dtype.name,
        )
        for split, store in zip(clips.splits, clips.stores)
    ]


def _samples(clips: AuditClips, number: int, seed: int) -> dict[str, Any]:
    numbers = checks.draw_samples(clips, number, seed)
    return dict(seed=seed, numbers=numbers, clips=[clips.describe(clip) for clip in numbers])
