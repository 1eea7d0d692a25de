"""The clips of several pose stores as one set."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from masa_mm.datasets.clip_selection import common_class_list
from masa_mm.errors import UserError
from masa_mm.pose.store import PoseStore

# Frames in memory at a time.
_CHUNK_FRAMES = 16384


class AuditError(UserError):
    """Stores or official lists that cannot be audited together."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive whole clips of one store.

    Args:
        clips (slice): Their numbers among all clips.
        num_frames (np.ndarray): Frames of each clip [clips].
        keypoint (np.ndarray): Part coordinates, float32 [frames, 49, 2].
        score (np.ndarray): Scores, float32 [frames, 49]; 0 is absent. Keypoints that are not
            finite count as absent.
    """

    clips: slice
    num_frames: np.ndarray
    keypoint: np.ndarray
    score: np.ndarray

    @property
    def start(self) -> np.ndarray:
        """First frame of each clip within the chunk, int64 [clips]."""
        return self.num_frames.cumsum() - self.num_frames

    @property
    def continues(self) -> np.ndarray:
        """Whether a frame belongs to the same clip as the frame before it, bool [frames - 1]."""
        same = np.ones(len(self.keypoint), bool)
        same[self.start] = False
        return same[1:]

    def sum(self, frames: np.ndarray) -> np.ndarray:
        """Sum [frames, ...] over the frames of each clip, int64 [clips, ...]."""
        return np.add.reduceat(frames, self.start, axis=0, dtype=np.int64)


@dataclass(frozen=True)
class AuditClips:
    """All clips of several stores, numbered in the order of the stores.

    Args:
        stores (tuple[PoseStore, ...]): Open stores.
        splits (tuple[str, ...]): Unique name of each store: its split, or its file.
        store (np.ndarray): Store of each clip, int64 [clips].
        ids (list[str]): Clip names.
        label (np.ndarray): Labels, int64 [clips]; -1 is unlabelled.
        signer (np.ndarray): Signers, int64 [clips]; -1 is unknown. Stores of different sources
            never share a number.
        num_frames (np.ndarray): Frames of each clip, int64 [clips].
        glosses (list[str]): Class names in the order of the labels.
    """

    stores: tuple[PoseStore, ...]
    splits: tuple[str, ...]
    store: np.ndarray
    ids: list[str]
    label: np.ndarray
    signer: np.ndarray
    num_frames: np.ndarray
    glosses: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    def clip(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return one clip as stored: ``keypoint`` [T, 49, 2] and ``score`` [T, 49]."""
        return self.stores[int(self.store[number])].clip(self._row(number))

    def describe(self, number: int) -> dict[str, Any]:
        """Describe one clip as plain data; ``gloss`` is '' if it has no label."""
        store, label = int(self.store[number]), int(self.label[number])
        return dict(
            id=self.ids[number],
            split=self.splits[store],
            gloss=self.glosses[label] if label >= 0 else "",
            signer=int(self.stores[store].signer[self._row(number)]),
            num_frames=int(self.num_frames[number]),
        )

    def describe_all(self, numbers: Iterable[int]) -> list[dict[str, Any]]:
        """Describe several clips."""
        return [self.describe(int(number)) for number in numbers]

    def split_masks(self) -> list[tuple[str, np.ndarray]]:
        """Return each split's name and which clips belong to it, bool [clips]."""
        return [(split, self.store == number) for number, split in enumerate(self.splits)]

    @cached_property
    def identical(self) -> np.ndarray:
        """A number that clips with the same stored bytes share, int64 [clips].

        Stores of different dtypes have no clip in common.
        """
        digests = [_digest(*self.clip(number)) for number in range(len(self))]
        return np.unique(np.array(digests, "S16"), return_inverse=True)[1]

    def _row(self, number: int) -> int:
        """Return the number of a clip within its store."""
        return number - int(np.searchsorted(self.store, self.store[number]))

    def ranges(self) -> Iterator[tuple[int, slice, slice]]:
        """Yield consecutive whole clips of one store: its number, their rows, their frames."""
        for number, store in enumerate(self.stores):
            chunk = (store.offset[1:] - 1) // _CHUNK_FRAMES
            edges = [0, *(np.flatnonzero(np.diff(chunk)) + 1).tolist(), len(chunk)]
            for low, high in pairwise(edges):
                frames = slice(int(store.offset[low]), int(store.offset[high]))
                yield number, slice(low, high), frames

    def chunks(self) -> Iterator[Chunk]:
        """Yield the frames of :meth:`ranges`."""
        first = np.searchsorted(self.store, np.arange(len(self.stores))).tolist()
        for number, rows, frames in self.ranges():
            store = self.stores[number]
            keypoint, score = present_joints(store.keypoint[frames], store.keypoint_score[frames])
            clips = slice(first[number] + rows.start, first[number] + rows.stop)
            yield Chunk(clips, self.num_frames[clips], keypoint, score)


def present_joints(keypoint: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 copies where joints that are not finite, or have no score, are 0."""
    keypoint, score = keypoint.astype(np.float32), score.astype(np.float32)
    score[~np.isfinite(score) | ~np.isfinite(keypoint).all(-1)] = 0
    keypoint[score <= 0] = 0
    return keypoint, np.maximum(score, 0)


def open_clips(paths: Sequence[str | os.PathLike]) -> AuditClips:
    """Open pose stores, such as the splits of one benchmark, to audit them together.

    Raises:
        FileNotFoundError: A store does not exist.
        PoseStoreError: A file is not a pose store.
        AuditError: No store is given, or one is given twice.
        DatasetError: The class lists differ.
    """
    if not paths:
        raise AuditError("no pose store to audit; give at least one .safetensors file")
    resolved = [os.path.realpath(path) for path in paths]  # of links that form a loop, too
    for number, path in enumerate(resolved):
        if path in resolved[:number]:
            raise AuditError(f"{paths[number]}: given twice; give each store once")
    stores = tuple(PoseStore(path) for path in paths)
    return AuditClips(
        stores=stores,
        splits=_split_names(stores),
        store=np.repeat(np.arange(len(stores)), [len(store) for store in stores]),
        ids=[name for store in stores for name in store.ids],
        label=np.concatenate([store.label for store in stores]),
        signer=_signers(stores),
        num_frames=np.concatenate([store.num_frames for store in stores]),
        glosses=common_class_list(
            [store.path for store in stores], [store.glosses for store in stores]
        ),
    )


def _split_names(stores: Sequence[PoseStore]) -> tuple[str, ...]:
    for names in (
        [store.split for store in stores],
        [Path(store.path).stem for store in stores],
        [store.path for store in stores],
    ):
        if all(names) and len(set(names)) == len(names):
            return tuple(names)
    raise AssertionError("paths are unique")


def _signers(stores: Sequence[PoseStore]) -> np.ndarray:
    """Number the signers of all stores; those of different sources are different people."""
    sources = [store.source for store in stores]
    source = np.concatenate([np.full(len(s), sources.index(s.source)) for s in stores])
    signer = np.concatenate([store.signer for store in stores])
    number = np.unique(np.stack([source, signer], 1), axis=0, return_inverse=True)[1].ravel()
    return np.where(signer >= 0, number, -1)


def _digest(keypoint: np.ndarray, score: np.ndarray) -> bytes:
    digest = hashlib.blake2b(keypoint.tobytes(), digest_size=16)
    digest.update(score.tobytes())
    # Fixed-length strings of numpy drop trailing zero bytes.
    return digest.digest().replace(b"\0", b"\1")
