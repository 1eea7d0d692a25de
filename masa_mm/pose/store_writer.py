"""Writing pose stores: clips in, one file out, all or nothing."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from masa_mm.atomic_write import atomic_write, make_folder
from masa_mm.pose.clip_checks import BadClip, clip_problems
from masa_mm.pose.clip_names import ClipNames
from masa_mm.pose.skeleton import NUM_JOINTS
from masa_mm.pose.store_format import (
    DTYPES,
    FORMAT,
    LAYOUT,
    NORMALIZATION,
    VERSION,
    BadClipsError,
    PoseStoreError,
    clip_hash,
)


class WriteReport(NamedTuple):
    """What was written, and the clips that were left out."""

    num_clips: int
    num_frames: int
    skipped: tuple[BadClip, ...]


def write_store(
    path: str | os.PathLike,
    keypoint: np.ndarray,
    keypoint_score: np.ndarray,
    num_frames: Sequence[int] | np.ndarray,
    ids: Sequence[str],
    *,
    source: str,
    split: str = "",
    glosses: Sequence[str] = (),
    label: Sequence[int] | np.ndarray | None = None,
    signer: Sequence[int] | np.ndarray | None = None,
    img_shape: Sequence[Sequence[int]] | np.ndarray | None = None,
    dtype: str = "float16",
    skip_bad: bool = False,
) -> WriteReport:
    """Check whole arrays of clips and write them as a store, all or nothing.

    Args:
        path: the ``.safetensors`` file to make.
        keypoint: [F, 49, 2] part coordinates (:func:`masa_mm.pose.crop.crop_parts`), clips end
            to end.
        keypoint_score: [F, 49], 0 = absent.
        num_frames: frames of each clip [clips].
        ids: a name a clip, unique within the store.
        source: name of the data set; with the id it makes the clip's ``clip_id``.
        split: name of the split, '' for none.
        glosses: class names; their index is the label.
        label: [clips], -1 = unlabelled; None: none is labelled.
        signer: [clips], -1 = unknown; None: none is known.
        img_shape: [clips, 2], (h, w) of the videos, if known.
        dtype: 'float16' (errors of a sixteenth of a crop pixel at most) or 'float32'.
        skip_bad: leave bad clips out and report them, instead of refusing.

    Returns:
        What was written and what was left out.

    Raises:
        BadClipsError: there are bad clips (NaN or infinite joints, no frame, not one visible hand,
            a label outside the class list, a duplicate id, coordinates in pixels), with
            ``skip_bad``: all are. Nothing is written.
        PoseStoreError: arrays that do not fit each other.
    """
    with PoseStoreWriter(
        path, source=source, split=split, glosses=glosses, dtype=dtype, skip_bad=skip_bad
    ) as writer:
        writer.add_clips(keypoint, keypoint_score, num_frames, ids, label, signer, img_shape)
    return writer.report


class PoseStoreWriter:
    """Takes clips as they come and writes them as a store when the ``with`` block ends well.

    Joints wait in a nameless file beside ``path``, so that memory does not grow with the data.

    Args:
        path: the ``.safetensors`` file to make. Nothing is left there if the block fails.
        source, split, glosses, dtype, skip_bad: see :func:`write_store`, whose errors the end of
            the block raises.

    Example:
        >>> with PoseStoreWriter('train.safetensors', source='mine', glosses=['hello']) as writer:
        ...     writer.add('clip_1', keypoint, score, label=0)  # [T, 49, 2], [T, 49]
        >>> writer.report
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        source: str,
        split: str = "",
        glosses: Sequence[str] = (),
        dtype: str = "float16",
        skip_bad: bool = False,
    ) -> None:
        if dtype not in DTYPES:
            raise PoseStoreError(f"{path}: dtype must be {' or '.join(DTYPES)}, got {dtype!r}")
        if Path(path).suffix != ".safetensors":
            raise PoseStoreError(f"{path}: a pose store's name ends in .safetensors; name it so")
        self.path, self.source, self.split = path, source, split
        self.glosses = [str(gloss) for gloss in glosses]
        self.dtype, self.skip_bad = dtype, skip_bad
        self.report: WriteReport | None = None
        self._keypoint = _Frames(path, dtype, (NUM_JOINTS, 2))
        self._score = _Frames(path, dtype, (NUM_JOINTS,))
        self._ids: list[str] = []
        self._seen: set[str] = set()
        self._per_clip: dict[str, list[np.ndarray]] = {}
        self._without_size = False
        self._bad: list[BadClip] = []

    def add(
        self,
        clip: str,
        keypoint: np.ndarray,
        score: np.ndarray,
        label: int = -1,
        signer: int = -1,
        img_shape: Sequence[int] | None = None,
    ) -> None:
        """Take a clip: part coordinates [T, 49, 2] and scores [T, 49].

        Raises:
            PoseStoreError: the arrays have other shapes; names the clip.
        """
        keypoint, score = np.asarray(keypoint), np.asarray(score)
        if keypoint.shape != (len(keypoint), NUM_JOINTS, 2) or score.shape != keypoint.shape[:2]:
            raise PoseStoreError(
                f"{self.path}: clip '{clip}' has keypoint {list(keypoint.shape)} and score "
                f"{list(score.shape)}, expected [T, {NUM_JOINTS}, 2] and [T, {NUM_JOINTS}]; "
                "bring its joints into the sign49 layout first (masa_mm.pose.crop)"
            )
        self.add_clips(
            keypoint,
            score,
            [len(keypoint)],
            [clip],
            [int(label)],
            [int(signer)],
            None if img_shape is None else [img_shape],
        )

    def add_clips(
        self,
        keypoint: np.ndarray,
        keypoint_score: np.ndarray,
        num_frames: Sequence[int] | np.ndarray,
        ids: Sequence[str],
        label: Sequence[int] | np.ndarray | None = None,
        signer: Sequence[int] | np.ndarray | None = None,
        img_shape: Sequence[Sequence[int]] | np.ndarray | None = None,
    ) -> np.ndarray:
        """Take several clips, end to end; arguments as of :func:`write_store`.

        Returns:
            bool [clips], True = good. The bad ones are named at the end.

        Raises:
            PoseStoreError: arrays that do not fit each other.
        """
        clips, num_frames = len(ids), np.asarray(num_frames)
        per_clip = dict(
            num_frames=num_frames,
            label=np.full(clips, -1) if label is None else np.asarray(label),
            signer=np.full(clips, -1) if signer is None else np.asarray(signer),
        )
        if img_shape is not None:
            per_clip["img_shape"] = np.asarray(img_shape)
        _check_arrays(self.path, keypoint, keypoint_score, per_clip, clips)
        # What counts is what will be stored: float16 turns large numbers into infinities.
        with np.errstate(over="ignore"):
            keypoint = np.ascontiguousarray(keypoint, self.dtype)
            keypoint_score = np.ascontiguousarray(keypoint_score, self.dtype)
        ids = [str(name) for name in ids]
        is_bad, bad = clip_problems(
            keypoint,
            keypoint_score,
            num_frames,
            ids,
            per_clip["label"],
            len(self.glosses),
            earlier=self._seen,
        )
        self._seen.update(ids)
        self._bad += bad
        keep = ~is_bad
        if bad:
            frames = np.repeat(keep, num_frames)
            keypoint, keypoint_score = keypoint[frames], keypoint_score[frames]
            per_clip = {name: array[keep] for name, array in per_clip.items()}
        if keep.any():
            self._keypoint.append(keypoint)
            self._score.append(keypoint_score)
            self._ids += [name for name, kept in zip(ids, keep) if kept]
            self._without_size |= img_shape is None
            for name, array in per_clip.items():
                self._per_clip.setdefault(name, []).append(array)
        return keep

    def refuse(self, clip: BadClip) -> None:
        """Note a clip that could not even be read: it counts as a bad one."""
        self._bad.append(clip)

    def close(self) -> WriteReport:
        """Write the store; see :func:`write_store` for what it raises."""
        if self._bad and not (self.skip_bad and self._ids):
            raise BadClipsError(self.path, self._bad)
        if not self._ids:
            raise PoseStoreError(f"{self.path}: no clips to write")
        per_clip = {name: np.concatenate(arrays) for name, arrays in self._per_clip.items()}
        num_frames = per_clip.pop("num_frames")
        if self._without_size:
            per_clip.pop("img_shape", None)
        ids = ClipNames.of(self._ids)
        tensors = dict(
            keypoint=self._keypoint.mapped(),
            keypoint_score=self._score.mapped(),
            offset=np.concatenate([[0], num_frames.cumsum()]).astype(np.int64),
            clip_id=np.array([clip_hash(self.source, name) for name in self._ids], np.int64),
            id_text=ids.text,
            id_offset=ids.offset,
            **{
                name: array.astype(np.int32 if name == "img_shape" else np.int64)
                for name, array in per_clip.items()
            },
        )
        metadata = dict(
            version=VERSION,
            layout=LAYOUT,
            normalization=NORMALIZATION,
            source=self.source,
            split=self.split,
            glosses=self.glosses,
        )
        _save_whole(self.path, tensors, metadata)
        self.report = WriteReport(len(self._ids), int(num_frames.sum()), tuple(self._bad))
        return self.report

    def __enter__(self) -> PoseStoreWriter:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: Any) -> None:
        if kind is None:
            self.close()


class _Frames:
    """Rows of one shape, kept in a file without a name, which the system frees in any case."""

    def __init__(self, path: str | os.PathLike, dtype: str, shape: tuple[int, ...]) -> None:
        self.folder, self.dtype, self.shape = Path(path).parent, dtype, shape
        self.file, self.rows = None, 0

    def append(self, rows: np.ndarray) -> None:
        if self.file is None:
            make_folder(self.folder)
            self.file = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 - lives on
        self.file.write(rows.data)
        self.rows += len(rows)

    def mapped(self) -> np.ndarray:
        self.file.flush()
        return np.memmap(self.file, self.dtype, "r", shape=(self.rows, *self.shape))


def _check_arrays(
    path: str | os.PathLike,
    keypoint: np.ndarray,
    score: np.ndarray,
    per_clip: dict[str, np.ndarray],
    clips: int,
) -> None:
    if not clips:
        raise PoseStoreError(f"{path}: no clips to write")
    for name, array in per_clip.items():
        if len(array) != clips:
            raise PoseStoreError(f"{path}: {clips} ids but {len(array)} entries in {name}")
        if array.dtype.kind not in "iu":
            raise PoseStoreError(f"{path}: {name} must be whole numbers, got {array.dtype}")
    num_frames = per_clip["num_frames"]
    frames = int(num_frames.sum())
    if keypoint.shape != (frames, NUM_JOINTS, 2) or score.shape != (frames, NUM_JOINTS):
        raise PoseStoreError(
            f"{path}: the clips have {frames} frames, which need keypoint "
            f"[{frames}, {NUM_JOINTS}, 2] and score [{frames}, {NUM_JOINTS}]; got "
            f"{list(keypoint.shape)} and {list(score.shape)}"
        )
    if (num_frames < 0).any():
        raise PoseStoreError(f"{path}: a clip cannot have {num_frames.min()} frames")


def _save_whole(
    path: str | os.PathLike, tensors: dict[str, np.ndarray], metadata: dict[str, Any]
) -> None:
    try:
        with atomic_write(path) as beside:
            save_file(tensors, beside, {FORMAT: json.dumps(metadata)})
    except SafetensorError as error:
        raise PoseStoreError(f"{path}: cannot be written ({error}); is the disk full?") from None
