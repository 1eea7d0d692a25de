"""One file per clip, so that an interrupted extraction resumes where it stopped.

``ID.npz`` holds ``keypoint`` float32 [T, V, 2] in pixels of the whole image, ``score`` float32
[T, V] and ``img_shape`` (h, w). ``ID.failed`` holds the reason of a failure. ``extraction.json``
holds the estimator and the settings, which all clips of a folder share. All writes are atomic.
:func:`masa_mm.pose.clip_ids.clip_file` makes the names.
"""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from masa_mm.atomic_write import atomic_write, make_folder, remove_leftovers
from masa_mm.errors import UserError
from masa_mm.pose.clip_ids import clip_file


class ClipFilesError(UserError):
    """A folder of extracted clips is damaged or was made with other settings."""


class ExtractedClip(NamedTuple):
    """The poses of a clip: keypoint [T, V, 2] and score [T, V] in an image of (h, w)."""

    keypoint: np.ndarray
    score: np.ndarray
    img_shape: np.ndarray


class ClipFiles:
    """The extracted clips of a folder.

    Args:
        folder (str | os.PathLike): It is created if missing.
        settings (dict): Settings of the extraction as JSON values, the same for all clips.

    Raises:
        ClipFilesError: If the clips in the folder were made with other settings.
    """

    def __init__(self, folder: str | os.PathLike, settings: dict[str, Any]) -> None:
        self.folder = Path(folder)
        make_folder(self.folder)
        for folder, _, _ in os.walk(self.folder):
            remove_leftovers(folder)
        path = self.folder / "extraction.json"
        settings = json.loads(json.dumps(settings, sort_keys=True))
        if not path.exists():
            _write_text(path, json.dumps(settings, indent=1))
        try:
            saved = json.loads(path.read_text())
        except ValueError:
            saved = None
        if not isinstance(saved, dict):
            raise ClipFilesError(f"{path}: damaged; give another folder (--poses)")
        different = [k for k in sorted({*saved, *settings}) if saved.get(k) != settings.get(k)]
        if different:
            values = ", ".join(f"{key} {saved.get(key)!r}" for key in different)
            raise ClipFilesError(
                f"{self.folder}: its clips were made with {values}; use the same settings, or give "
                "another folder (--poses)"
            )

    def is_done(self, clip: str) -> bool:
        """Whether the clip has been extracted."""
        return self._path(clip, "npz").is_file()

    def save(self, clip: str, poses: ExtractedClip) -> None:
        """Save the poses of a clip and remove an earlier failure."""
        with atomic_write(self._path(clip, "npz")) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **poses._asdict())
        self._path(clip, "failed").unlink(missing_ok=True)

    def load(self, clip: str) -> ExtractedClip:
        """Load the poses of a clip; a damaged file raises a :class:`ClipFilesError`."""
        path = self._path(clip, "npz")
        try:
            with np.load(path, allow_pickle=False) as file:
                return ExtractedClip(*(file[name] for name in ExtractedClip._fields))
        except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError):
            raise ClipFilesError(f"{path}: damaged; remove it and extract the clip again") from None

    def fail(self, clip: str, reason: str, run: str) -> None:
        """Record that the extraction of a clip failed in a run."""
        _write_text(self._path(clip, "failed"), json.dumps(dict(reason=reason, run=run)))

    def failure(self, clip: str, run: str) -> str | None:
        """The reason why a clip failed in a run; None if it has not failed."""
        try:
            content = json.loads(self._path(clip, "failed").read_text())
        except (FileNotFoundError, ValueError):  # a damaged file is not of this run
            return None
        is_of_run = isinstance(content, dict) and content.get("run") == run
        return str(content.get("reason")) if is_of_run else None

    def _path(self, clip: str, extension: str) -> Path:
        return clip_file(self.folder, clip, extension)


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text)
