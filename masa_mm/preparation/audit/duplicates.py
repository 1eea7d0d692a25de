"""Checks of identical clips and of test clips that training has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from masa_mm.pose.clip_ids import file_name
from masa_mm.preparation.audit.check import Check, Record, Section, Table, count, percent
from masa_mm.preparation.audit.clips import AuditClips

TRAIN = "train"
_LISTED = 30


class IdenticalClips(Check):
    """Clips with the same stored joints and scores, byte for byte.

    Duplicates across splits leak test clips into training. No network can tell duplicates with
    different labels apart, so they bound its accuracy.
    """

    name = "identical"
    title = "Identical clips"

    def compute(self, clips: AuditClips, results: Mapping[str, Any]) -> Record:
        """Group identical clips, see :func:`summarize_groups`."""
        return summarize_groups(clips, clips.identical)

    def show(self, clips: AuditClips, result: Record) -> Section:
        """Show the groups."""
        return Section(
            group_summary(result, "identical"), group_tables(result), result["num_groups"] > 0
        )


class TrainTwins(Check):
    """Clips with a twin, that is an identical or near-duplicate clip, in the split 'train'.

    A network that has memorised the twin knows the clip, or knows it under another label. To score
    without such clips, pass the list, which lies in the folder of this page, as exclude=... to the
    dataset of the split, and report both scores. Uncertain pairs of near-duplicates do not count.
    """

    name = "leaks"
    title = "Twins in train"

    def compute(self, clips: AuditClips, results: Mapping[str, Any]) -> list[Record]:
        """Collect twins from the groups of identical and near-duplicate clips."""
        groups = results["identical"]["groups"] + results["near"]["groups"]
        return twins_of_train(groups, clips.splits)

    def show(self, clips: AuditClips, result: list[Record]) -> Section:
        """Show the number of clips of each split, and the file that lists them."""
        total = {split: int(mask.sum()) for split, mask in clips.split_masks()}
        columns = {
            "clips of": "split",
            "with a twin in train": lambda leak: len(leak["ids"]),
            "share": lambda leak: percent(len(leak["ids"]) / total[leak["split"]]),
            "only with other labels": "other_labels",
            "list": lambda leak: exclude_name(leak["split"]),
        }
        summary = ", ".join(
            f"{len(leak['ids']):,} of {count(total[leak['split']], 'clip')} of {leak['split']}"
            for leak in result
        )
        alarm = any(leak["ids"] for leak in result)
        return Section(summary, [Table(result, columns)], alarm)


def twins_of_train(groups: Sequence[Sequence[Record]], splits: Sequence[str]) -> list[Record]:
    """Collect the clips of other splits that share a group with a clip of the split 'train'.

    A group has the clips of one recording as ``AuditClips.describe`` returns them; a clip may be in
    several groups.

    Returns:
        list[dict]: For each split but 'train' its ``split``, sorted ``ids`` and ``other_labels``
        (how many of these clips have no twin with their own gloss). Empty if no split is 'train'.
    """
    if TRAIN not in splits:
        return []
    same_gloss: dict[tuple[str, str], bool] = {}
    for group in groups:
        glosses = {clip["gloss"] for clip in group if clip["split"] == TRAIN}
        for clip in group if glosses else ():
            key = clip["split"], clip["id"]
            same_gloss[key] = same_gloss.get(key, False) or clip["gloss"] in glosses - {""}
    return [
        dict(
            split=split,
            ids=sorted(name for other, name in same_gloss if other == split),
            other_labels=sum(not same for key, same in same_gloss.items() if key[0] == split),
        )
        for split in splits
        if split != TRAIN
    ]


def exclude_name(split: str) -> str:
    """Return the name of the file that lists clips of a split with a twin in train."""
    return f"exclude_{file_name(split)}.txt"


def summarize_groups(clips: AuditClips, group: np.ndarray) -> Record:
    """Summarise the groups of at least two clips, given the number of each clip's group [clips].

    Returns:
        dict: ``num_groups``, ``num_clips`` (in groups), ``num_extra`` (clips beyond the first of
        each), ``across_labels`` and ``across_splits`` (groups with several labels or splits),
        ``twins`` (how many ``clips`` of ``split`` have a twin in the split ``other``, how many of
        them one of the ``same_label``, and ``total``, the clips of ``split``) and ``groups``, a
        list of clips each.
    """
    members: dict[int, list[int]] = {}
    for number, key in enumerate(group.tolist()):
        members.setdefault(key, []).append(number)
    groups = [numbers for numbers in members.values() if len(numbers) > 1]
    num_clips = sum(map(len, groups))
    return dict(
        num_groups=len(groups),
        num_clips=num_clips,
        num_extra=num_clips - len(groups),
        across_labels=sum(len({*clips.label[numbers]} - {-1}) > 1 for numbers in groups),
        across_splits=sum(len({*clips.store[numbers]}) > 1 for numbers in groups),
        twins=_twins_between_splits(clips, group),
        groups=[clips.describe_all(numbers) for numbers in groups],
    )


def _twins_between_splits(clips: AuditClips, group: np.ndarray) -> list[Record]:
    labelled = clips.label >= 0
    rows = []
    for (split, mine), (other, theirs) in product(clips.split_masks(), repeat=2):
        twin = _has_twin([group], mine, theirs)
        same_label = _has_twin([group, clips.label], mine, theirs & labelled)
        numbers = dict(clips=twin, same_label=same_label, total=mine)
        rows.append(
            dict(split=split, other=other) | {key: int(n.sum()) for key, n in numbers.items()}
        )
    return rows


def _has_twin(keys: Sequence[np.ndarray], mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Whether another clip among ``theirs`` has the same keys, for each clip of ``mine``."""
    group = np.unique(np.stack(keys, 1), axis=0, return_inverse=True)[1].ravel()
    size = np.bincount(group[theirs], minlength=len(group))
    return size[group[mine]] - theirs[mine] > 0


def group_summary(result: Record, kind: str, further: str = "") -> str:
    """Say in one sentence how many groups of a kind of clips there are."""
    if not result["num_groups"]:
        return f"No {further}{kind} clips"
    return (
        f"{count(result['num_groups'], f'{further}group')} of {kind} clips with "
        f"{count(result['num_clips'], 'clip')}; {count(result['across_labels'], 'group')} across "
        f"labels, {result['across_splits']:,} across splits"
    )


def group_tables(result: Record) -> list[Table]:
    """Return tables of the twins between splits and of the largest groups."""
    twins = {
        "clips of": "split",
        "with a twin in": "other",
        "clips": "clips",
        "share": lambda twin: percent(twin["clips"] / max(twin["total"], 1)),
        "with the same label": "same_label",
        "only with other labels": lambda twin: twin["clips"] - twin["same_label"],
    }
    largest = sorted(result["groups"], key=len, reverse=True)[:_LISTED]
    columns = {
        "clips": lambda group: len(group),
        "signs": lambda group: ", ".join(dict.fromkeys(clip["gloss"] or "-" for clip in group)),
        "names": lambda group: ", ".join(f"{clip['split']}/{clip['id']}" for clip in group),
    }
    more = f", the {_LISTED} largest" if result["num_groups"] > _LISTED else ""
    return [
        Table(result["twins"] if largest else [], twins),
        Table(largest, columns, caption=f"Groups{more}"),
    ]
