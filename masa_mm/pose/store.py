"""The pose store: all clips of a split in one memory-mapped ``.safetensors`` file.

What is in it says :mod:`.store_format`; :mod:`.store_writer` makes it, :mod:`.clip_checks` says
which clips it takes. Their names may be imported from here.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from masa_mm.pose.clip_checks import BadClip, clip_problems
from masa_mm.pose.clip_names import ClipNames
from masa_mm.pose.files import require_file
from masa_mm.pose.skeleton import NUM_JOINTS
from masa_mm.pose.store_format import (
    DTYPES,
    FORMAT,
    LAYOUT,
    NORMALIZATION,
    READABLE,
    VERSION,
    BadClipsError,
    PoseStoreError,
    clip_hash,
)
from masa_mm.pose.store_writer import PoseStoreWriter, WriteReport, write_store

__all__ = [
    "DTYPES",
    "FORMAT",
    "LAYOUT",
    "NORMALIZATION",
    "VERSION",
    "BadClip",
    "BadClipsError",
    "PoseStore",
    "PoseStoreError",
    "PoseStoreWriter",
    "WriteReport",
    "clip_hash",
    "clip_problems",
    "write_store",
]


class PoseStore:
    """An open store. Its arrays are views of the file, shared by all processes that map it.

    Opening reads the header and the per-clip arrays and checks them; the joints themselves are
    only mapped (:meth:`check` reads them all). Pickling keeps the path: a worker opens it again.

    Args:
        path (str): the ``.safetensors`` file.

    Raises:
        FileNotFoundError: there is no such file.
        PoseStoreError: it is no pose store, is cut short, or is of another version or layout.

    Example:
        >>> store = PoseStore('wlasl_train.safetensors')
        >>> keypoint, score = store.clip(0)  # [T, 49, 2], [T, 49]
    """

    keypoint: np.ndarray
    keypoint_score: np.ndarray
    offset: np.ndarray
    label: np.ndarray
    signer: np.ndarray
    clip_id: np.ndarray
    img_shape: np.ndarray | None
    source: str
    split: str
    ids: ClipNames
    glosses: list[str]

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = str(path)
        require_file(path, "no such pose store; make it with tools/data/convert.py")
        try:
            with safe_open(self.path, framework="pt") as file:
                values = self._read_metadata(file.metadata() or {})
                self._read_tensors(file, values)
        except SafetensorError as error:
            raise self._error(
                f"not a complete safetensors file ({error})", "write or copy it again"
            ) from None
        self._check_clips()

    def __reduce__(self) -> tuple:
        return type(self), (self.path,)

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
        """Views of one clip in the stored dtype: ``keypoint`` [T, 49, 2], ``score`` [T, 49].

        Raises:
            IndexError: there is no such clip.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"{self.path}: no clip {index}, it has {len(self)}")
        frames = slice(self.offset[index], self.offset[index + 1])
        return self.keypoint[frames], self.keypoint_score[frames]

    def info(self, index: int) -> dict[str, Any]:
        """One clip as MMAction2's ``results``: see :class:`SignPoseDataset`.

        Raises:
            PoseStoreError: a joint of it is NaN or infinite.
        """
        keypoint, score = self.clip(index)
        # One NaN or infinity anywhere makes the sum one; the arrays are small and in the cache.
        keypoint, score = keypoint.astype(np.float32), score.astype(np.float32)
        if not np.isfinite(keypoint.sum() + score.sum()):
            raise self._error(
                f"clip '{self.ids[index]}' has joints that are NaN or infinite", _CONVERT_AGAIN
            )
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
            img_shape=(1, 1),  # coordinates are in units of the crop's side
        )

    def check(self) -> None:
        """Read every joint and refuse what :func:`write_store` would refuse.

        Raises:
            BadClipsError: names the clips.
        """
        _, bad = clip_problems(
            self.keypoint,
            self.keypoint_score,
            self.num_frames,
            self.ids,
            self.label,
            len(self.glosses),
        )
        if bad:
            raise BadClipsError(self.path, bad)

    def _error(self, problem: str, remedy: str) -> PoseStoreError:
        return PoseStoreError(f"{self.path}: {problem}; {remedy}")

    def _read_metadata(self, metadata: dict[str, str]) -> dict[str, Any]:
        try:
            values = json.loads(metadata[FORMAT])
        except (KeyError, json.JSONDecodeError):
            values = None
        if not isinstance(values, dict):
            raise self._error(
                "a safetensors file, but not a pose store", "make one with tools/data/convert.py"
            )
        wanted = dict(version=READABLE, layout=(LAYOUT,), normalization=(NORMALIZATION,))
        for key, known in wanted.items():
            if values.get(key) not in known:
                raise self._error(
                    f"{key} is {values.get(key)!r}, this release of masa_mm reads "
                    f"{' and '.join(map(repr, known))}",
                    _CONVERT_AGAIN,
                )
        for key, kind in dict(source=str, split=str, glosses=list).items():
            setattr(self, key, self._value(values, key, kind))
        self._check_strings(self.glosses, "glosses")
        return values

    def _value(self, values: dict[str, Any], key: str, kind: type) -> Any:
        if not isinstance(values.get(key), kind):
            raise self._error(f"its metadata has no {kind.__name__} '{key}'", _CONVERT_AGAIN)
        return values[key]

    def _check_strings(self, names: list, what: str) -> None:
        if not all(isinstance(name, str) for name in names):
            raise self._error(f"its {what} are not all strings", _CONVERT_AGAIN)

    def _read_tensors(self, file: Any, values: dict[str, Any]) -> None:
        names = set(file.keys())
        self.ids = self._read_ids(file, names, values)
        clips, frames = len(self.ids), None
        if "keypoint" in names:
            frames = file.get_slice("keypoint").get_shape()[0]
        shapes = dict(
            keypoint=[frames, NUM_JOINTS, 2],
            keypoint_score=[frames, NUM_JOINTS],
            offset=[clips + 1],
            label=[clips],
            signer=[clips],
            clip_id=[clips],
        )
        for name, shape in shapes.items():
            setattr(self, name, self._tensor(file, names, name, shape))
        self.img_shape = (
            self._tensor(file, names, "img_shape", [clips, 2]) if "img_shape" in names else None
        )

    def _read_ids(self, file: Any, names: set[str], values: dict[str, Any]) -> ClipNames:
        if values["version"] == 1:
            ids = self._value(values, "ids", list)
            self._check_strings(ids, "ids")
            return ClipNames.of(ids)
        arrays = [self._tensor(file, names, name, None) for name in ("id_text", "id_offset")]
        try:
            return ClipNames(*arrays)
        except ValueError as error:
            raise self._error(f"its ids cannot be read ({error})", _CONVERT_AGAIN) from None

    def _tensor(self, file: Any, names: set[str], name: str, shape: list | None) -> np.ndarray:
        """A tensor of the file, checked; ``shape`` None: of one axis."""
        if name not in names:
            raise self._error(f"it has no tensor '{name}'", _CONVERT_AGAIN)
        # safetensors' torch tensors are views of the mapped file; its numpy arrays are copies.
        array = file.get_tensor(name).numpy()
        dtypes = dict(keypoint=DTYPES, keypoint_score=DTYPES, img_shape=("int32",))
        allowed = dtypes.get(name, ("uint8",) if name == "id_text" else ("int64",))
        shape = [array.size] if shape is None else shape
        if list(array.shape) != shape or array.dtype.name not in allowed:
            raise self._error(
                f"'{name}' is {array.dtype.name} {list(array.shape)}, "
                f"expected {' or '.join(allowed)} {shape}",
                _CONVERT_AGAIN,
            )
        array.flags.writeable = False
        return array

    def _check_clips(self) -> None:
        frames = len(self.keypoint)
        if self.offset[0] != 0 or self.offset[-1] != frames or (self.num_frames <= 0).any():
            raise self._error(
                f"its offsets do not divide its {frames} frames into clips", _CONVERT_AGAIN
            )
        outside = (self.label < -1) | (self.label >= len(self.glosses))
        if outside.any():
            index = int(outside.argmax())
            raise self._error(
                f"clip '{self.ids[index]}' has label {self.label[index]}, outside the store's "
                f"{len(self.glosses)} classes",
                _CONVERT_AGAIN,
            )


_CONVERT_AGAIN = "make the store again with tools/data/convert.py"
