"""Pose store: all clips of a split in one ``.safetensors`` file.

:mod:`masa_mm.pose.store_format` defines the format, :mod:`masa_mm.pose.store_writer` writes it,
:mod:`masa_mm.pose.store_file` reads it.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from masa_mm.pose.clip_checks import clip_problems
from masa_mm.pose.files import parse_json, require_file
from masa_mm.pose.skeleton import NUM_JOINTS
from masa_mm.pose.store_file import FileRows, FileState, StoreFile
from masa_mm.pose.store_format import (
    DTYPES,
    FORMAT,
    LAYOUT,
    NORMALIZATION,
    READABLE,
    BadClipsError,
    ClipNames,
    PoseStoreError,
)
from masa_mm.pose.store_writer import PoseStoreWriter, WriteReport, write_store

__all__ = ["PoseStore", "PoseStoreWriter", "WriteReport", "write_store"]

_CONVERT_AGAIN = "make the store again with tools/data/convert.py"


class PoseStore:
    """An open store. All processes share the system's cache of its file.

    Opening reads and checks the header and the per-clip arrays. Keypoints are read clip by clip;
    :meth:`check` reads them all. A pickled store keeps its path and is opened again. Every read
    raises a :class:`PoseStoreError` if the file was written to since it was opened. If another file
    was renamed over it, the open store still reads the old one, and a pickled store is refused.

    Args:
        path (str | os.PathLike): The ``.safetensors`` file.
        state (FileState | None): The state that the file must have; None for any.

    Attributes:
        keypoint (FileRows): [F, 49, 2]. ``keypoint[:]`` reads all into an array.
        keypoint_score (FileRows): [F, 49].

    Raises:
        FileNotFoundError: If there is no such file.
        PoseStoreError: If it is no pose store, is truncated, or has another version or layout.

    Example:
        >>> store = PoseStore('wlasl_train.safetensors')
        >>> keypoint, score = store.clip(0)  # [T, 49, 2], [T, 49]
    """

    def __init__(self, path: str | os.PathLike, state: FileState | None = None) -> None:
        self.path = str(path)
        require_file(path, "no such pose store; make it with tools/data/convert.py")
        file = StoreFile(self.path, state)
        self._state = file.state
        self._read_tensors(file, self._read_metadata(file.metadata))
        self._check_clips()
        self._is_checked = np.zeros(len(self), bool)

    def __reduce__(self) -> tuple:
        return type(self), (self.path, self._state)

    def __deepcopy__(self, memo: dict) -> PoseStore:
        return self  # read-only

    def __len__(self) -> int:
        return len(self.offset) - 1

    def __repr__(self) -> str:
        return f"PoseStore({self.path!r}: {len(self)} clips, {self.offset[-1]} frames)"

    @property
    def num_frames(self) -> np.ndarray:
        """Frames of each clip, int64 [clips]."""
        return np.diff(self.offset)

    def clip(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a clip's ``keypoint`` [T, 49, 2] and ``score`` [T, 49], as stored and read-only.

        Raises:
            IndexError: If there is no such clip.
            PoseStoreError: If the file was changed since it was opened.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"{self.path}: no clip {index}, it has {len(self)}")
        frames = slice(self.offset[index], self.offset[index + 1])
        return self.keypoint[frames], self.keypoint_score[frames]

    def info(self, index: int) -> dict[str, Any]:
        """Return a clip as MMAction2's ``results``; see :class:`SignPoseDataset` for the keys.

        Raises:
            PoseStoreError: If one of its joints is NaN or infinite, a score is below 0, or no joint
                is visible.
        """
        keypoint, score = self.clip(index)
        keypoint, score = keypoint.astype(np.float32), score.astype(np.float32)
        if not self._is_checked[index]:  # once is enough: the file must not change
            self._check_clip(index, keypoint, score)
            self._is_checked[index] = True
        label = int(self.label[index])
        return dict(
            frame_dir=self.ids[index],
            keypoint=keypoint[None],
            keypoint_score=score[None],
            total_frames=len(keypoint),
            label=label,
            gloss=self.glosses[label] if label >= 0 else "",
            clip_id=int(self.clip_id[index]),
            signer=int(self.signer[index]),
            layout=LAYOUT,
            normalization=NORMALIZATION,
            img_shape=(1, 1),  # the unit of the coordinates is a crop's side
        )

    def check(self) -> None:
        """Read all keypoints and apply the checks of :func:`write_store`, with its errors."""
        _, bad = clip_problems(
            self.keypoint[:],
            self.keypoint_score[:],
            self.num_frames,
            self.ids,
            self.label,
            len(self.glosses),
        )
        if bad:
            raise BadClipsError(self.path, bad)

    def _error(self, problem: str, remedy: str = _CONVERT_AGAIN) -> PoseStoreError:
        return PoseStoreError(f"{self.path}: {problem}; {remedy}")

    def _read_metadata(self, metadata: dict[str, str]) -> dict[str, Any]:
        try:
            values = parse_json(metadata[FORMAT])
        except (KeyError, TypeError, ValueError):
            values = None
        if not isinstance(values, dict):
            raise self._error(
                "a safetensors file, but not a pose store", "make one with tools/data/convert.py"
            )
        supported = dict(version=READABLE, layout=(LAYOUT,), normalization=(NORMALIZATION,))
        for key, known in supported.items():
            if values.get(key) not in known:
                raise self._error(
                    f"{key} is {values.get(key)!r}, this release of masa_mm reads "
                    f"{' and '.join(map(repr, known))}"
                )
        self.source: str = self._value(values, "source", str)
        self.split: str = self._value(values, "split", str)
        self.glosses = self._strings(values, "glosses")
        return values

    def _value(self, values: dict[str, Any], key: str, kind: type) -> Any:
        if not isinstance(values.get(key), kind):
            raise self._error(f"its metadata has no {kind.__name__} '{key}'")
        return values[key]

    def _strings(self, values: dict[str, Any], key: str) -> list[str]:
        names = self._value(values, key, list)
        if not all(isinstance(name, str) for name in names):
            raise self._error(f"its {key} are not all strings")
        return names

    def _read_tensors(self, file: StoreFile, values: dict[str, Any]) -> None:
        if values["version"] == 1:
            self.ids = ClipNames.of(self._strings(values, "ids"))
        else:
            text = self._rows(file, "id_text", [None], "uint8")[:]
            id_offset = self._rows(file, "id_offset", [None])[:]
            try:
                self.ids = ClipNames(text, id_offset)
            except ValueError as error:
                raise self._error(f"its ids cannot be read ({error})") from None
        clips = len(self.ids)
        self.keypoint = self._rows(file, "keypoint", [None, NUM_JOINTS, 2], *DTYPES)
        frames = len(self.keypoint)
        self.keypoint_score = self._rows(file, "keypoint_score", [frames, NUM_JOINTS], *DTYPES)
        self.offset = self._rows(file, "offset", [clips + 1])[:]
        self.label = self._rows(file, "label", [clips])[:]
        self.signer = self._rows(file, "signer", [clips])[:]
        self.clip_id = self._rows(file, "clip_id", [clips])[:]
        self.img_shape: np.ndarray | None = None
        if "img_shape" in file.arrays:
            self.img_shape = self._rows(file, "img_shape", [clips, 2], "int32")[:]

    def _rows(self, file: StoreFile, name: str, shape: list[int | None], *dtypes: str) -> FileRows:
        """Check an array, int64 without ``dtypes``; a first axis None has any length."""
        if name not in file.arrays:
            raise self._error(f"it has no tensor '{name}'")
        rows, allowed = file.arrays[name], dtypes or ("int64",)
        if shape[0] is None:
            shape = [rows.shape[0] if rows.ndim else 0, *shape[1:]]
        if list(rows.shape) != shape or rows.dtype.name not in allowed:
            raise self._error(
                f"'{name}' is {rows.dtype.name} {list(rows.shape)}, "
                f"expected {' or '.join(allowed)} {shape}"
            )
        return rows

    def _check_clip(self, index: int, keypoint: np.ndarray, score: np.ndarray) -> None:
        problem = None
        # The sum is finite only if all values are; cheaper than testing each.
        if not np.isfinite(keypoint.sum() + score.sum()):
            problem = "joints that are NaN or infinite"
        elif not score.any():
            problem = "no visible joint"
        elif score.min() < 0:
            problem = "scores below 0"
        if problem:
            raise self._error(f"clip '{self.ids[index]}' has {problem}")

    def _check_clips(self) -> None:
        frames = len(self.keypoint)
        if self.offset[0] != 0 or self.offset[-1] != frames or (self.num_frames <= 0).any():
            raise self._error(f"its offsets do not divide its {frames} frames into clips")
        outside = (self.label < -1) | (self.label >= len(self.glosses))
        if outside.any():
            index = int(outside.argmax())
            raise self._error(
                f"clip '{self.ids[index]}' has label {self.label[index]}, outside the store's "
                f"{len(self.glosses)} classes"
            )
