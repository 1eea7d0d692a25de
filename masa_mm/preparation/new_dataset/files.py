"""The list of a new dataset, which users may edit, and the config that trains on it."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from masa_mm.atomic_write import atomic_write
from masa_mm.datasets.clip_selection import common_class_list
from masa_mm.pose.store import PoseStore
from masa_mm.preparation.new_dataset.clips import LabelledClips, NewDatasetError, SignClip
from masa_mm.preparation.new_dataset.split import PARTS

# Small sets train for as many epochs as large ones, so they need small batches to learn enough.
_BATCHES_PER_EPOCH, _MIN_BATCH, _MAX_BATCH = 30, 8, 32

_CONFIG = '''"""Tiny MASA on {num_classes} signs, made by tools/new_dataset.py."""

_base_ = [
    "masa_mm::_base_/default_runtime.py",
    "masa_mm::_base_/models/recognizer_tiny.py",
    "masa_mm::_base_/datasets/own_signs.py",
    "masa_mm::_base_/schedules/tiny_finetune.py",
]

data = dict(ann_file={stores}, split_file={clip_list})
train_dataloader = dict(batch_size={batch_size}, dataset=dict(split="train", **data))
val_dataloader = dict(dataset=dict(split="{val}", **data))
test_dataloader = dict(dataset=dict(split="{test}", **data))
model = dict(cls_head=dict(num_classes={num_classes}))
'''


def clips_in_store(path: Path, clips: Sequence[SignClip]) -> LabelledClips:
    """Return those clips that a store holds; the writer may have left bad ones out.

    Raises:
        NewDatasetError: If a sign has no clip left.
    """
    store, clip_of = PoseStore(path), {clip.id: clip for clip in clips}
    kept = [clip_of[name] for name in store.ids]
    lost = sorted(set(store.glosses) - {clip.gloss for clip in kept})
    if lost:
        raise NewDatasetError(
            f"sign '{lost[0]}' has no good clip; give it other clips, or remove its clips"
        )
    signer, split = [clip.signer for clip in kept], [clip.split for clip in kept]
    return LabelledClips(list(store.ids), store.label, list(store.glosses), signer, split)


def clips_of_stores(paths: Sequence[Path]) -> LabelledClips:
    """Return the labelled clips of stores; a store's split is that of its clips.

    Raises:
        PoseStoreError: If a store cannot be read.
        DatasetError: If the stores have different class lists.
        NewDatasetError: If there are no labels, or two clips have one id.
    """
    stores = [PoseStore(path) for path in paths]
    glosses = common_class_list([str(path) for path in paths], [list(s.glosses) for s in stores])
    label = np.concatenate([store.label for store in stores])
    if not (label >= 0).all():
        raise NewDatasetError(
            f"{(label < 0).sum()} of {len(label)} clips have no label; convert them with labels"
        )
    ids = [name for store in stores for name in store.ids]
    if len(set(ids)) < len(ids):
        raise NewDatasetError(f"{len(ids) - len(set(ids))} clips are in two stores; give each once")
    signer = [str(number) if number >= 0 else "" for s in stores for number in s.signer.tolist()]
    split = [store.split if store.split in PARTS else "" for store in stores for _ in store.ids]
    return LabelledClips(ids, label, glosses, signer, split)


def write_list(path: Path, clips: LabelledClips, part: np.ndarray) -> None:
    """Write the list of clips that ``CSVPose`` reads, given the part of each clip [clips]."""
    rows = zip(clips.ids, clips.label.tolist(), clips.signer, part.tolist())
    with (
        atomic_write(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "gloss", "label", "signer", "split"))
        for name, label, signer, number in rows:
            writer.writerow((name, clips.glosses[label], label, signer, PARTS[number]))


def write_config(
    path: Path, stores: Sequence[Path], clip_list: Path, num_classes: int, sizes: Mapping[str, int]
) -> None:
    """Write the config that trains on a list's clips.

    Args:
        path (Path): The config.
        stores (Sequence[Path]): The pose stores.
        clip_list (Path): The list of :func:`write_list`.
        num_classes (int): Number of signs.
        sizes (Mapping[str, int]): Clips of each part.
    """
    names = [store.as_posix() for store in stores]
    text = _CONFIG.format(
        stores=json.dumps(names if len(names) > 1 else names[0], ensure_ascii=False),
        clip_list=json.dumps(clip_list.as_posix(), ensure_ascii=False),
        batch_size=batch_size(sizes["train"]),
        val="val" if sizes["val"] else "test",
        test="test" if sizes["test"] else "val",
        num_classes=num_classes,
    )
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def batch_size(num_train: int) -> int:
    """Return the batch size for a number of train clips."""
    size = min(max(num_train // _BATCHES_PER_EPOCH, _MIN_BATCH), _MAX_BATCH)
    return min(size, num_train)
