"""What every source of poses gives, and the one way from there to a pose store."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from masa_mm.skeleton import NUM_JOINTS, source_layout

from ...errors import UserError
from ..crop import crop_parts, select_joints
from ..store import DTYPES, PoseStoreError, WriteReport, write_store

# Frames converted at a time: small enough to stay in the processor's cache and out of memory's way.
_CHUNK = 16384


class SourceError(UserError):
    """A source that cannot be read; the message is one line naming file and remedy."""


@dataclass(frozen=True)
class SourceClips:
    """All clips of a source file, end to end, in the source's own joints and units.

    Args:
        keypoint: [F, V, 2] in the source's numbers.
        score: [F, V], 0 = absent.
        num_frames: frames of each clip [clips].
        ids: a name a clip.
        layout: a name in :data:`masa_mm.skeleton.SOURCE_LAYOUTS`.
        source: name of the data set.
        img_shape: (h, w) of each clip's image [clips, 2], in the units that ``scale`` brings
            ``keypoint`` to.
        scale: factors (x, y) from the source's numbers to the units of ``img_shape``.
        absent: the number that stands for a missing coordinate, if the source has one. A joint of
            which only one coordinate is missing is damaged, and becomes NaN.
        label, signer: [clips], -1 = none.
        glosses: class names.
        split: name of the split.
        keep_img_shape: whether ``img_shape`` is the videos' true size in pixels, to be stored.
    """

    keypoint: np.ndarray
    score: np.ndarray
    num_frames: np.ndarray
    ids: Sequence[str]
    layout: str
    source: str
    img_shape: np.ndarray
    scale: tuple[float, float] = (1.0, 1.0)
    absent: int | None = None
    label: np.ndarray | None = None
    signer: np.ndarray | None = None
    glosses: Sequence[str] = ()
    split: str = ""
    keep_img_shape: bool = False


def convert(
    clips: SourceClips,
    out: str | os.PathLike,
    dtype: str = "float16",
    skip_bad: bool = False,
    fallback: str = "absent",
) -> WriteReport:
    """Bring a source's clips into part coordinates and write them as a pose store.

    Args:
        clips: what a reader of this package returned.
        out: the ``.safetensors`` file to make.
        dtype: 'float16' or 'float32'.
        skip_bad: leave bad clips out and report them instead of refusing.
        fallback: what to do with hands of few visible joints; see
            :func:`masa_mm.datasets.crop.crop_parts`.

    Raises:
        PoseStoreError: as :func:`masa_mm.datasets.store.write_store`; nothing is written then.
    """
    if dtype not in DTYPES:
        raise PoseStoreError(f"{out}: dtype must be {' or '.join(DTYPES)}, got {dtype!r}")
    frames = len(clips.keypoint)
    keypoint = np.empty((frames, NUM_JOINTS, 2), dtype)
    score = np.empty((frames, NUM_JOINTS), dtype)
    img_shape = np.repeat(np.asarray(clips.img_shape, np.float32), clips.num_frames, axis=0)
    for start in range(0, frames, _CHUNK):
        chunk = slice(start, start + _CHUNK)
        joints, scores = select_joints(
            _in_image_units(clips, chunk), clips.score[chunk].astype(np.float32), clips.layout
        )
        with np.errstate(over="ignore", invalid="ignore"):  # bad clips are named by the writer
            keypoint[chunk], score[chunk] = crop_parts(
                joints, scores, img_shape[chunk], fallback=fallback
            )
    return write_store(
        out,
        keypoint,
        score,
        clips.num_frames,
        clips.ids,
        source=clips.source,
        split=clips.split,
        glosses=clips.glosses,
        label=clips.label,
        signer=clips.signer,
        img_shape=clips.img_shape if clips.keep_img_shape else None,
        dtype=dtype,
        skip_bad=skip_bad,
    )


def _in_image_units(clips: SourceClips, chunk: slice) -> np.ndarray:
    raw = clips.keypoint[chunk]
    keypoint = raw * np.array(clips.scale, np.float32)
    if clips.absent is not None:
        keypoint[raw == clips.absent] = np.nan
    return keypoint


# ---- reading arrays ----------------------------------------------------------------------------


def read_npz(path: str | os.PathLike, keys: Iterable[str]) -> dict[str, np.ndarray]:
    """The named arrays of an ``.npz`` file, read without unpickling anything.

    Raises:
        FileNotFoundError: there is no such file.
        SourceError: it is no npz file, is damaged, or lacks an array.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [key for key in keys if key not in file.files]
            if missing:
                raise SourceError(
                    f"{path}: has no array {', '.join(missing)}; it has {', '.join(file.files)}: "
                    "give the file that this source's page describes"
                )
            return {key: file[key] for key in keys}
    except SourceError:
        raise
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, AttributeError):
        raise SourceError(
            f"{path}: not a complete npz file of plain arrays; copy it again"
        ) from None


def check_clip_arrays(
    path: str | os.PathLike, arrays: dict[str, np.ndarray], layout: str, per_clip: Iterable[str]
) -> None:
    """Refuse arrays that do not fit each other.

    Raises:
        SourceError: names the file and the array.
    """
    joints = source_layout(layout).num_joints
    num_frames = arrays["num_frames"]
    if num_frames.ndim != 1 or num_frames.dtype.kind not in "iu" or (num_frames < 0).any():
        raise SourceError(f"{path}: num_frames must be whole numbers [clips]; copy it again")
    frames = int(num_frames.sum())
    if arrays["keypoint"].dtype.kind not in "iuf":
        raise SourceError(f"{path}: keypoint is {arrays['keypoint'].dtype}, expected numbers")
    if arrays["keypoint"].shape != (frames, joints, 2):
        raise SourceError(
            f"{path}: keypoint is {list(arrays['keypoint'].shape)}, but num_frames and the layout "
            f"'{layout}' need {[frames, joints, 2]}; is it another source?"
        )
    for name in per_clip:
        if arrays[name].shape != num_frames.shape:
            raise SourceError(
                f"{path}: {name} has {list(arrays[name].shape)} entries for {len(num_frames)} "
                "clips; copy it again"
            )


def read_class_list(path: str | os.PathLike) -> list[str]:
    """Class names in the order of their labels: a line each, or "label<TAB>name" lines in order.

    Raises:
        FileNotFoundError: there is no such file.
        SourceError: it is empty, no text, or its labels are not 0, 1, 2, ... in order.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such class list")
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise SourceError(f"{path}: not a text file; give a class name a line") from None
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise SourceError(f"{path}: an empty class list; give a class name a line")
    if all("\t" in name for name in names):
        labels, names = zip(*(name.split("\t", 1) for name in names))
        for line, label in enumerate(labels):
            if label.strip() != str(line):
                raise SourceError(
                    f"{path}: line {line + 1} has label {label}, expected {line}; "
                    "sort the class list by label, from 0"
                )
    return [name.strip() for name in names]
