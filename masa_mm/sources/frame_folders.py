"""MediaPipe Holistic's landmarks in folders ``SIGN/SEQUENCE/FRAME.npy``, one file per frame.

This is the layout of N. Renotte's action detection tutorial (``extract_keypoints`` in
github.com/nicknochnack/ActionDetectionforSignLanguage) and of the many data sets recorded with it.
A file is one row of numbers: pose 33 x (x, y, z, visibility), face 468 x (x, y, z), left hand and
right hand 21 x (x, y, z) each, 1662 in all. MediaPipe's refined face has 478 landmarks (1692
numbers); many users leave the face out (258). x and y are divided by the image size, and a part
that was not detected is all 0.

A clip is named ``SIGN/SEQUENCE``. Without a list of clips its class is the sign's folder.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from masa_mm.pose.files import SourceError, read_arrays, read_class_list
from masa_mm.sources.base import ClipError
from masa_mm.sources.folder import Entry, RawClip, folder_source
from masa_mm.sources.mediapipe import landmark_clip

_POSE, _HAND = 33 * 4, 21 * 3
# Numbers per frame with the face, with the refined face, and without a face.
_LENGTHS = tuple(_POSE + face * 3 + 2 * _HAND for face in (468, 478, 0))
_LAYOUT_TEXT = "SIGN/SEQUENCE/FRAME.npy"


class _Sequence(NamedTuple):
    """The frames of a clip: its sign, its name within the sign, its folder and its files."""

    sign: str
    name: str
    folder: Path
    files: list[str]


def _sequences(root: str | os.PathLike) -> list[_Sequence]:
    """Find the sequences below a folder, sorted by path.

    They may lie at any depth, and ``root`` may also be the folder of a sign or of a sequence.

    Raises:
        FileNotFoundError: If there is no such folder.
        SourceError: If no folder has frames, or a sign has folders in several places.
    """
    if not Path(root).is_dir():
        raise FileNotFoundError(f"{root}: no such folder of {_LAYOUT_TEXT}")
    files_of = {folder: files for folder, files in _folders(root)}
    filled = [folder for folder, files in files_of.items() if files]
    if not filled:
        raise SourceError(f"{root}: has no *.npy file; give a folder of {_LAYOUT_TEXT}")
    # Arrays that lie beside the sequences are no frames.
    above = {parent for folder in filled for parent in folder.parents}
    sequences = [
        _Sequence(folder.parent.name, folder.name, folder, files)
        for folder, files in files_of.items()
        if folder not in above
    ]
    _refuse_scattered(sequences)
    return sequences


def _folders(root: str | os.PathLike) -> Iterator[tuple[Path, list[str]]]:
    """Yield folders with ``.npy`` files, and empty ones that are named like a sequence."""
    for folder, folders, names in os.walk(os.path.abspath(root)):
        folders[:] = sorted(name for name in folders if not _is_foreign(name))
        files = [name for name in names if name.endswith(".npy") and not _is_foreign(name)]
        if files or (not folders and os.path.basename(folder).isdigit()):
            yield Path(folder), files


def _is_foreign(name: str) -> bool:
    """Whether a name is one of those that editors and archivers add, as ``._0.npy``."""
    return name.startswith((".", "__"))


def _refuse_scattered(sequences: Sequence[_Sequence]) -> None:
    folder_of: dict[str, Path] = {}
    for sequence in sequences:
        parent = sequence.folder.parent
        first = folder_of.setdefault(sequence.sign, parent)
        if first != parent:
            raise SourceError(
                f"sign '{sequence.sign}' is in {first} and in {parent}; convert one folder of "
                "signs at a time"
            )


def _class_names(args: argparse.Namespace) -> list[str]:
    """Return the names of ``--class-list``, else of the signs' folders, sorted."""
    signs = {sequence.sign for sequence in _sequences(args.input) if sequence.files}
    if args.class_list is None:
        return sorted(signs)
    names = read_class_list(args.class_list)
    unknown = sorted(signs - set(names))
    if unknown:
        raise SourceError(
            f"{args.class_list}: lacks '{unknown[0]}', a sign's folder; add it or leave it out"
        )
    return names


def _entries(args: argparse.Namespace) -> Iterator[Entry]:
    names = _class_names(args) if args.labels is None else []
    label_of = {name: label for label, name in enumerate(names)}
    for sequence in _sequences(args.input):
        name, label = f"{sequence.sign}/{sequence.name}", label_of.get(sequence.sign, -1)
        yield Entry(name, partial(_read, sequence), label, sequence.folder)


def _read(sequence: _Sequence) -> RawClip:
    frames = _in_order(sequence.files)
    rows = [_row(sequence.folder / frame) for frame in frames]
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise ClipError(f"its frames have {sorted(lengths)} numbers", "extract its poses again")
    numbers = np.stack(rows)
    hands = numbers[:, -2 * _HAND :].reshape(-1, 2, 21, 3)
    return landmark_clip([numbers[:, :_POSE].reshape(-1, 33, 4), hands[:, 0], hands[:, 1]])


def _in_order(files: Sequence[str]) -> list[str]:
    """Sort files by frame number; a ClipError if there are none, or if some are missing."""
    file_of = {}
    for file in files:
        number = re.search(r"(\d+)\.npy$", file)
        if number is None:
            raise ClipError(f"{file} has no frame number", "move it elsewhere or number it")
        if int(number[1]) in file_of:
            raise ClipError(f"has frame {number[1]} twice", "keep one file for each frame")
        file_of[int(number[1])] = file
    if not files:
        raise ClipError("its folder has no frames", "record it again or remove the folder")
    numbers = sorted(file_of)
    for before, after in pairwise(numbers):
        if after - before > 1:
            problem = f"frames between {before} and {after} are missing"
            raise ClipError(problem, "copy it again or leave it out")
    return [file_of[number] for number in numbers]


def _row(path: Path) -> np.ndarray:
    """Read the numbers of one frame, float32."""
    row = read_arrays(path)
    if not isinstance(row, np.ndarray) or row.dtype.kind not in "fiu":
        raise ClipError(f"{path.name} is no array of numbers", "extract its poses again")
    if row.size not in _LENGTHS or row.size not in row.shape:
        given, (with_face, refined, without) = list(row.shape), _LENGTHS
        raise ClipError(
            f"{path.name} is {given}",
            f"a frame has {with_face} numbers, {refined} with the refined face, or {without} "
            "without a face",
        )
    return row.reshape(-1).astype(np.float32)


SOURCE = folder_source(
    "mediapipe-frames",
    f"MediaPipe Holistic's arrays, one file per frame: {_LAYOUT_TEXT}",
    _entries,
    "mediapipe_holistic",
    class_names=_class_names,
)
