"""Clips of the other splits that training shows already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

TRAIN = "train"


def twins_of_train(
    groups: Sequence[Sequence[dict[str, Any]]], splits: Sequence[str]
) -> list[dict[str, Any]]:
    """The clips of each other split that share a recording with one of the split 'train'.

    Args:
        groups: clips that show one recording, as :meth:`AuditClips.describe` says them; a clip may
            be in several groups.
        splits: names of all splits.

    Returns:
        For each split but 'train' a dict of ``split``, ``ids`` (in order, each once) and
        ``other_labels`` (how many of them have only twins of other signs, or no sign). Nothing if
        no split is 'train'.
    """
    if TRAIN not in splits:
        return []
    same_sign: dict[tuple[str, str], bool] = {}
    for group in groups:
        signs = {clip["gloss"] for clip in group if clip["split"] == TRAIN}
        for clip in group if signs else ():
            name = clip["split"], clip["id"]
            same_sign[name] = same_sign.get(name, False) or clip["gloss"] in signs - {""}
    return [
        dict(
            split=split,
            ids=sorted(clip for of, clip in same_sign if of == split),
            other_labels=sum(not same for (of, _), same in same_sign.items() if of == split),
        )
        for split in splits
        if split != TRAIN
    ]
