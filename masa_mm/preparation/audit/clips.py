"""The clips of several pose stores, seen as one set."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from masa_mm.datasets.clip_selection import common_class_list
from masa_mm.errors import UserError
from masa_mm.pose.store import PoseStore

# Frames looked at together; bounds what a check holds beyond the mapped files.
_CHUNK_FRAMES = 16384


class AuditError(UserError):
    """Stores or lists that cannot be audited together; one line with the remedy."""


@dataclass(frozen=True)
class Chunk:
    """Some whole clips, one after the other.

    Args:
        clips: their numbers among all clips.
        num_frames: frames of each [clips].
        keypoint: float32 [frames, 49, 2] part coordinates.
        score: float32 [frames, 49], 0 = absent. A joint that is not finite counts as absent.
    """

    clips: slice
    num_frames: np.ndarray
    keypoint: np.ndarray
    score: np.ndarray

    @property
    def start(self) -> np.ndarray:
        """Each clip's first frame within the chunk, int64 [clips]."""
        return self.num_frames.cumsum() - self.num_frames

    @property
    def continues(self) -> np.ndarray:
        """Whether a frame and its predecessor are of one clip, bool [frames - 1]."""
        same = np.ones(len(self.keypoint), bool)
        same[self.start] = False
        return same[1:]

    def sum(self, frames: np.ndarray) -> np.ndarray:
        """Sums over each clip's frames of [frames, ...], [clips, ...]."""
        return np.add.reduceat(frames, self.start, axis=0, dtype=np.int64)


@dataclass(frozen=True)
class AuditClips:
    """All clips of the stores, numbered through in the stores' order.

    Args:
        stores: open stores.
        splits: a name for each: its split, or its file's name where that does not tell them apart.
        store: number of each clip's store, int64 [clips].
        ids: the clips' names.
        label, signer: int64 [clips], -1 = none. Signers of different sources never share a number.
        num_frames: int64 [clips].
        glosses: class names; their index is the label.
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
        """One clip as stored: ``keypoint`` [T, 49, 2] and ``score`` [T, 49]."""
        store = int(self.store[number])
        return self.stores[store].clip(self._row(number))

    def gloss(self, number: int) -> str:
        """The clip's sign, '' if it has no label."""
        label = int(self.label[number])
        return self.glosses[label] if label >= 0 else ""

    def describe(self, number: int) -> dict[str, object]:
        """What tells a clip apart, as plain data."""
        return dict(
            id=self.ids[number],
            split=self.splits[int(self.store[number])],
            gloss=self.gloss(number),
            signer=int(self.stores[int(self.store[number])].signer[self._row(number)]),
            num_frames=int(self.num_frames[number]),
        )

    def _row(self, number: int) -> int:
        """The clip's number within its store."""
        return number - int(np.searchsorted(self.store, self.store[number]))

    def ranges(self) -> Iterator[tuple[int, slice, slice]]:
        """Some whole clips of one store at a time: its number, their rows in it, their frames."""
        for number, store in enumerate(self.stores):
            for low, high in _runs((store.offset[1:] - 1) // _CHUNK_FRAMES):
                frames = slice(int(store.offset[low]), int(store.offset[high]))
                yield number, slice(low, high), frames

    def chunks(self) -> Iterator[Chunk]:
        """The frames of :meth:`ranges`."""
        first = np.searchsorted(self.store, np.arange(len(self.stores))).tolist()
        for number, rows, frames in self.ranges():
            store = self.stores[number]
            keypoint = store.keypoint[frames].astype(np.float32)
            score = store.keypoint_score[frames].astype(np.float32)
            score[~np.isfinite(score) | ~np.isfinite(keypoint).all(-1)] = 0
            keypoint[score <= 0] = 0
            clips = slice(first[number] + rows.start, first[number] + rows.stop)
            yield Chunk(clips, self.num_frames[clips], keypoint, score)


def open_clips(paths: Sequence[str | os.PathLike]) -> AuditClips:
    """Open stores to be audited together.

    Args:
        paths: pose stores, such as those of the splits of one benchmark.

    Raises:
        FileNotFoundError: there is no such store.
        PoseStoreError: a file is no pose store.
        AuditError: no store, or one given twice.
        DatasetError: class lists that differ.
    """
    if not paths:
        raise AuditError("no pose store to audit; give at least one .safetensors file")
    places = [str(Path(path).resolve()) for path in paths]
    for number, place in enumerate(places):
        if place in places[:number]:
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
    """The signers' numbers, moved apart where stores of another source use the same ones."""
    moved, shift = {}, 0
    for store in stores:
        if store.source not in moved:
            moved[store.source] = shift
            shift += 1 + max(int(s.signer.max()) for s in stores if s.source == store.source)
    return np.concatenate(
        [np.where(store.signer >= 0, store.signer + moved[store.source], -1) for store in stores]
    )


def _runs(groups: np.ndarray) -> Iterator[tuple[int, int]]:
    """First and last + 1 of each run of equal numbers."""
    edges = np.flatnonzero(np.diff(groups)) + 1
    yield from zip([0, *edges.tolist()], [*edges.tolist(), len(groups)])
