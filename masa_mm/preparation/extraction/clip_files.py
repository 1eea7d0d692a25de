"""One file per clip, so that an interrupted extraction resumes where it stopped.

``ID.npz`` holds ``keypoint`` float32 [T, V, 2] in pixels of the whole image, ``score`` float32
[T, V] and ``img_shape`` (h, w). ``ID.failed`` holds the reason of a failure. ``extraction.json``
holds the estimator and the settings, which all clips of a folder share. All writes are atomic.
:func:`masa_mm.pose.clip_ids.clip_file` makes the names.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from masa_mm.atomic_write import atomic_write, make_folder, remove_leftovers
from masa_mm.errors import UserError
from masa_mm.pose.clip_ids import clip_file
from masa_mm.pose.files import SourceError, npz_bytes, read_json, read_npz


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
        saved = _read_object(path, "give another folder (--poses)")
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
        with atomic_write(self._path(clip, "npz")) as temporary:
            temporary.write_bytes(npz_bytes(poses._asdict()))
        self._path(clip, "failed").unlink(missing_ok=True)

    def load(self, clip: str) -> ExtractedClip:
        """Load the poses of a clip; a damaged file raises a :class:`ClipFilesError`."""
        path = self._path(clip, "npz")
        try:
            poses = ExtractedClip(**read_npz(path, ExtractedClip._fields))
        except SourceError:
            poses = None
        if poses is None or not _is_clip(poses):
            raise ClipFilesError(f"{path}: damaged; remove it and extract the clip again")
        return poses

    def fail(self, clip: str, reason: str, run: str) -> None:
        """Record that the extraction of a clip failed in a run."""
        _write_text(self._path(clip, "failed"), json.dumps(dict(reason=reason, run=run)))

    def failure(self, clip: str, run: str) -> str | None:
        """The reason why a clip failed in a run; None if it has not failed."""
        path = self._path(clip, "failed")
        if not path.exists():
            return None
        content = _read_object(path, "remove it and run the command again")
        return str(content.get("reason")) if content.get("run") == run else None

    def _path(self, clip: str, extension: str) -> Path:
        return clip_file(self.folder, clip, extension)


def _read_object(path: Path, remedy: str) -> dict[str, Any]:
    """Read a JSON object that this module wrote."""
    try:
        content = read_json(path)
    except SourceError:
        content = None
    if not isinstance(content, dict):
        raise ClipFilesError(f"{path}: damaged; {remedy}")
    return content


def _is_clip(clip: ExtractedClip) -> bool:
    """Whether arrays have the types and shapes of a clip."""
    keypoint, score, size = clip
    shapes = keypoint.shape == (*score.shape, 2) and score.ndim == 2 and size.shape == (2,)
    return shapes and len(score) > 0 and [a.dtype.kind for a in clip] == ["f", "f", "i"]


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text)
