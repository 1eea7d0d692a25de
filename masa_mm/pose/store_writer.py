"""Writing of pose stores."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from masa_mm.atomic_write import make_folder, naming_file, write_together
from masa_mm.pose.clip_checks import BadClip, clip_problems
from masa_mm.pose.skeleton import NUM_JOINTS
from masa_mm.pose.store_file import Part, write_safetensors
from masa_mm.pose.store_format import (
    DTYPES,
    FORMAT,
    LAYOUT,
    NORMALIZATION,
    VERSION,
    BadClipsError,
    ClipNames,
    PoseStoreError,
    clip_hash,
)

_COPIED = 1 << 20  # bytes at a time


class PartFrames(NamedTuple):
    """In how many of a store's frames a part has joints in the source and in the store."""

    part: str
    in_source: int
    kept: int


class WriteReport(NamedTuple):
    """What a store contains, the clips that were left out, and frames by part where counted."""

    num_clips: int
    num_frames: int
    skipped: tuple[BadClip, ...]
    parts: tuple[PartFrames, ...] = ()


def write_store(
    path: str | os.PathLike,
    keypoint: np.ndarray,
    keypoint_score: np.ndarray,
    num_frames: Sequence[int] | np.ndarray,
    ids: Sequence[str],
    *,
    label: Sequence[int] | np.ndarray | None = None,
    signer: Sequence[int] | np.ndarray | None = None,
    img_shape: Sequence[Sequence[int]] | np.ndarray | None = None,
    **options: Any,
) -> WriteReport:
    """Check whole arrays of clips and write them as a store, all or nothing.

    Args:
        path (str | os.PathLike): The ``.safetensors`` file to make.
        keypoint (np.ndarray): [F, 49, 2], part coordinates
            (:func:`masa_mm.pose.crop.crop_parts`); the clips' frames are concatenated.
        keypoint_score (np.ndarray): [F, 49], 0 = absent.
        num_frames (Sequence[int]): Frames of each clip, [clips].
        ids (Sequence[str]): Id of each clip, unique within the store.
        label (Sequence[int], optional): [clips], -1 = unlabelled. None: no clip is labelled.
        signer (Sequence[int], optional): [clips], -1 = unknown. None: no signer is known.
        img_shape (Sequence[Sequence[int]], optional): (h, w) of each video, [clips, 2].
        **options (Any): Options of :class:`PoseStoreWriter`; ``source`` is required.

    Raises:
        BadClipsError: If a clip is bad (see :func:`masa_mm.pose.clip_checks.clip_problems`), or
            with ``skip_bad`` if all are. Nothing is written.
        PoseStoreError: If the arrays do not fit each other.
    """
    writer = PoseStoreWriter(path, **options)
    writer.add_clips(keypoint, keypoint_score, num_frames, ids, label, signer, img_shape)
    return writer.close()


class PoseStoreWriter:
    """Collect clips one by one and write them as a store when the ``with`` block succeeds.

    Keypoints are kept in an unnamed file next to ``path``, so memory use does not grow with them.

    Args:
        path (str | os.PathLike): The ``.safetensors`` file to make; not made if the block fails.
        source (str): Name of the data set; hashed with the id to the clip's ``clip_id``.
        split (str): Name of the split, '' for none.
        glosses (Sequence[str]): Class names; their index is the label.
        dtype (str): 'float16' (rounds to at most 1/16 of a crop pixel) or 'float32'.
        skip_bad (bool): Whether to leave out and report bad clips instead of refusing them.

    Attributes:
        report (WriteReport | None): What was written, after the block.

    Raises:
        PoseStoreError: If ``dtype`` or the file's ending is not a store's.

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
            raise PoseStoreError(
                f"{path}: the name of a pose store must end in .safetensors; rename it"
            )
        self.path, self.source, self.split = path, source, split
        self.glosses = [str(gloss) for gloss in glosses]
        self.dtype, self.skip_bad = dtype, skip_bad
        self.report: WriteReport | None = None
        self._keypoint = _RowFile(path, dtype, (NUM_JOINTS, 2))
        self._score = _RowFile(path, dtype, (NUM_JOINTS,))
        self._ids: list[str] = []
        self._seen: set[str] = set()
        self._per_clip: dict[str, list[np.ndarray]] = {}
        self._bad: list[BadClip] = []

    def add(
        self,
        clip: str,
        keypoint: np.ndarray,
        score: np.ndarray,
        label: int = -1,
        signer: int = -1,
        img_shape: Sequence[int] | None = None,
    ) -> bool:
        """Add a clip of ``keypoint`` [T, 49, 2] and ``score`` [T, 49], see :func:`write_store`.

        Returns:
            bool: Whether it is good. :meth:`close` names the bad clips.

        Raises:
            PoseStoreError: If the arrays have other shapes; names the clip.
        """
        keypoint, score = np.asarray(keypoint), np.asarray(score)
        if keypoint.shape != (len(keypoint), NUM_JOINTS, 2) or score.shape != keypoint.shape[:2]:
            raise PoseStoreError(
                f"{self.path}: clip '{clip}' has keypoint {list(keypoint.shape)} and score "
                f"{list(score.shape)}, expected [T, {NUM_JOINTS}, 2] and [T, {NUM_JOINTS}]; "
                "bring its joints into the sign49 layout first (masa_mm.pose.crop)"
            )
        sizes = None if img_shape is None else [img_shape]
        labels, signers = [int(label)], [int(signer)]
        good = self.add_clips(keypoint, score, [len(keypoint)], [clip], labels, signers, sizes)
        return bool(good[0])

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
        """Add several clips, with the arguments and errors of :func:`write_store`.

        Returns:
            np.ndarray: Bool [clips], True = good. :meth:`close` names the bad clips.
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
        # Check the values that are stored: float16 turns large numbers into infinities.
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
            for name, array in per_clip.items():
                self._per_clip.setdefault(name, []).append(array)
        return keep

    def refuse(self, clip: BadClip) -> None:
        """Record a clip that could not be read as a bad one."""
        self._bad.append(clip)

    @property
    def bad(self) -> tuple[BadClip, ...]:
        """The bad clips so far."""
        return tuple(self._bad)

    def close(
        self, others: Mapping[str | os.PathLike, Callable[[Path], object]] | None = None
    ) -> WriteReport:
        """Write the store.

        Args:
            others (Mapping | None): Files to write along, all or none, as in
                :func:`masa_mm.atomic_write.write_together`.

        Raises:
            BadClipsError: If there are bad clips, or with ``skip_bad`` if all are bad.
            PoseStoreError: If there are no clips.
            WriteError: If a file cannot be written.
        """
        if self._bad and not (self.skip_bad and self._ids):
            raise BadClipsError(self.path, self._bad, len(self._ids))
        if not self._ids:
            raise PoseStoreError(f"{self.path}: no clips to write")
        per_clip = {name: np.concatenate(arrays) for name, arrays in self._per_clip.items()}
        num_frames = per_clip.pop("num_frames")
        parts = self._parts(num_frames, per_clip)
        metadata = dict(
            version=VERSION,
            layout=LAYOUT,
            normalization=NORMALIZATION,
            source=self.source,
            split=self.split,
            glosses=self.glosses,
        )

        def write(temporary: Path) -> None:
            write_safetensors(temporary, parts, {FORMAT: json.dumps(metadata)})

        write_together({self.path: write, **(others or {})})
        self.report = WriteReport(len(self._ids), int(num_frames.sum()), self.bad)
        return self.report

    def _parts(self, num_frames: np.ndarray, per_clip: dict[str, np.ndarray]) -> dict[str, Part]:
        if len(per_clip.get("img_shape", ())) < len(self._ids):  # not of every clip
            per_clip.pop("img_shape", None)
        ids = ClipNames.of(self._ids)
        arrays = dict(
            offset=np.concatenate([[0], num_frames.cumsum()]).astype(np.int64),
            clip_id=np.array([clip_hash(self.source, name) for name in self._ids], np.int64),
            id_text=ids.text,
            id_offset=ids.offset,
            **{
                name: array.astype(np.int32 if name == "img_shape" else np.int64)
                for name, array in per_clip.items()
            },
        )
        parts = {name: Part.of(array) for name, array in arrays.items()}
        return dict(parts, keypoint=self._keypoint.part(), keypoint_score=self._score.part())

    def __enter__(self) -> PoseStoreWriter:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: Any) -> None:
        if kind is None:
            self.close()


class _RowFile:
    """Array rows in an unnamed temporary file, which the system frees even after a crash."""

    def __init__(self, path: str | os.PathLike, dtype: str, shape: tuple[int, ...]) -> None:
        self.path, self.dtype, self.shape = Path(path), np.dtype(dtype), shape
        self.file: Any = None
        self.rows = 0

    def append(self, rows: np.ndarray) -> None:
        if self.file is None:
            make_folder(self.path.parent)
        with naming_file(self.path):
            if self.file is None:
                # Without a buffer: one that a full disk refuses would raise again when it is freed.
                self.file = tempfile.TemporaryFile(buffering=0, dir=self.path.parent)  # noqa: SIM115
            left = rows.data.cast("B")
            while left:
                left = left[self.file.write(left) :]
        self.rows += len(rows)

    def part(self) -> Part:
        return Part(self.dtype, (self.rows, *self.shape), self._copy_to)

    def _copy_to(self, file: BinaryIO) -> None:
        self.file.seek(0)
        shutil.copyfileobj(self.file, file, _COPIED)


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
            raise PoseStoreError(f"{path}: {name} must be integers, got {array.dtype}")
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
