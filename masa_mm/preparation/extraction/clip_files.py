"""One file a clip: what was extracted, so that an interrupted run goes on where it stopped.

``ID.npz`` has ``keypoint`` float32 [T, V, 2] in pixels of the whole image, ``score`` float32 [T, V]
and ``img_shape`` (h, w); ``ID.failed`` says why there is none; ``extraction.json`` says by what
estimator and settings all of a folder's clips were made. All are written beside and renamed.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from masa_mm.atomic_write import atomic_write, make_folder
from masa_mm.errors import UserError

_ARRAYS = ("keypoint", "score", "img_shape")


class ClipFilesError(UserError):
    """A folder of extracted clips that cannot be gone on with; one line with the remedy."""


class ExtractedClip(NamedTuple):
    """Poses of a clip: keypoint [T, V, 2] and score [T, V] in an image of (h, w)."""

    keypoint: np.ndarray
    score: np.ndarray
    img_shape: np.ndarray


class ClipFiles:
    """The extracted clips of a folder.

    Args:
        folder: where they are and will be.
        settings: of the extraction, plain values; all clips of a folder share them.

    Raises:
        ClipFilesError: the folder's clips were made with other settings.
    """

    def __init__(self, folder: str | os.PathLike, settings: dict[str, Any]) -> None:
        self.folder = Path(folder)
        make_folder(self.folder)
        path = self.folder / "extraction.json"
        settings = json.loads(json.dumps(settings, sort_keys=True))
        if not path.exists():
            _write(path, lambda file: file.write(json.dumps(settings, indent=1).encode()))
        found = _read_settings(path)
        other = [key for key in sorted({*found, *settings}) if found.get(key) != settings.get(key)]
        if other:
            told = ", ".join(f"{key} {found.get(key)!r}" for key in other)
            raise ClipFilesError(
                f"{self.folder}: its clips were made with {told}; go on with that, or give another "
                "folder (--poses)"
            )

    def is_done(self, clip: str) -> bool:
        """Whether the clip's poses are there."""
        return self._poses(clip).is_file()

    def save(self, clip: str, poses: ExtractedClip) -> None:
        """Keep a clip's poses."""
        arrays = dict(zip(_ARRAYS, poses))
        _write(self._poses(clip), lambda file: np.savez_compressed(file, **arrays))
        self._failed(clip).unlink(missing_ok=True)

    def load(self, clip: str) -> ExtractedClip:
        """A clip's poses.

        Raises:
            ClipFilesError: the file is damaged.
        """
        path = self._poses(clip)
        try:
            with np.load(path, allow_pickle=False) as file:
                return ExtractedClip(*(file[name] for name in _ARRAYS))
        except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError):
            raise ClipFilesError(f"{path}: damaged; remove it and extract the clip again") from None

    def fail(self, clip: str, reason: str, run: str) -> None:
        """Note why there are no poses of a clip, as found in this run."""
        content = json.dumps(dict(reason=reason, run=run)).encode()
        _write(self._failed(clip), lambda file: file.write(content))

    def failure(self, clip: str, run: str) -> str | None:
        """Why this run found no poses of a clip; None: it has not, or not yet."""
        path = self._failed(clip)
        try:
            content = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        return content["reason"] if content["run"] == run else None

    def _poses(self, clip: str) -> Path:
        return self.folder / f"{clip}.npz"

    def _failed(self, clip: str) -> Path:
        return self.folder / f"{clip}.failed"


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError):
        found = None
    if not isinstance(found, dict):
        raise ClipFilesError(f"{path}: damaged; give another folder (--poses)")
    return found


def _write(path: Path, write: Callable[[Any], Any]) -> None:
    with atomic_write(path) as beside, open(beside, "wb") as file:
        write(file)
