"""The labelled clips of a folder with a folder for each sign, or of a CSV file."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from masa_mm.datasets.table_rows import TableFormat, read_fields
from masa_mm.errors import UserError
from masa_mm.pose.clip_ids import ids_of_paths, path_parts
from masa_mm.preparation.extraction.plan import find_videos
from masa_mm.preparation.extraction.video import IMAGES, VIDEOS
from masa_mm.sources import SOURCES
from masa_mm.sources.folder import Entry, FolderSource

VIDEO_SOURCE = "videos"
# Sources whose clips have names and labels of their own are converted first.
FOLDER_SOURCES = {source.name: source for source in SOURCES if isinstance(source, FolderSource)}
_UNCLEAR = ""
_UNCLEAR_SUFFIXES = (".pkl", ".pickle", ".npz", ".npy", ".json")


class NewDatasetError(UserError):
    """Clips, signs or options that make no dataset; the message names the remedy."""


class SignClip(NamedTuple):
    """A labelled clip.

    Args:
        id (str): Its id, unique in the dataset.
        gloss (str): Name of its sign.
        place (Path): Its file or folder.
        signer (str): Name of its signer, '' = unknown.
        split (str): 'train', 'val' or 'test', '' = to be chosen.
        entry (Entry | None): Reads its poses; None for a video.
    """

    id: str
    gloss: str
    place: Path
    signer: str = ""
    split: str = ""
    entry: Entry | None = None


class LabelledClips(NamedTuple):
    """The clips of a dataset.

    Args:
        ids (list[str]): Id of each clip.
        label (np.ndarray): [clips], from 0.
        glosses (list[str]): Names of the signs in the order of labels.
        signer (list[str]): Name of each clip's signer, '' = unknown.
        split (list[str]): 'train', 'val' or 'test', '' = to be chosen.
    """

    ids: list[str]
    label: np.ndarray
    glosses: list[str]
    signer: list[str]
    split: list[str]


def clips_of_folder(
    root: Path, source: str, args: argparse.Namespace, signer: re.Pattern[str] | None = None
) -> list[SignClip]:
    """Find the clips of each sign, in subfolders of any depth.

    Args:
        root (Path): A folder with a folder for each sign.
        source (str): :data:`VIDEO_SOURCE` or a name in :data:`FOLDER_SOURCES`.
        args (argparse.Namespace): Options of the source.
        signer (re.Pattern | None): Its first group is the signer in a clip's id. None: the signers
            are not known.

    Raises:
        NewDatasetError: If two clips have one id, or an id has no signer.
    """
    root = Path(os.path.abspath(root))
    clips = []
    for folder in sign_folders(root):
        for name_in_source, place, entry in _found(source, folder, args):
            relative = place.relative_to(root)
            if any(map(_is_hidden, relative.parts)):  # such as '._1.mp4'
                continue
            name = _clip_id(relative, name_in_source, place.is_dir())
            clips.append(SignClip(name, folder.name, place, _signer(signer, name), "", entry))
    _refuse_repeated(clips)
    return clips


def folders_without_clips(root: Path, clips: Sequence[SignClip]) -> list[str]:
    """Return the names of the folders in ``root`` that gave no clip; hidden ones are not signs."""
    names = {path.name for path in root.iterdir() if path.is_dir() and not _is_hidden(path.name)}
    return sorted(names - {clip.gloss for clip in clips})


def sign_folders(root: Path) -> list[Path]:
    """Return the folders of a folder that hold files, sorted; hidden ones are not signs.

    Raises:
        NewDatasetError: If there are fewer than two.
    """
    folders = [path for path in sorted(root.iterdir()) if path.is_dir()]
    signs = [path for path in folders if not _is_hidden(path.name) and any(_files(path))]
    if len(signs) < 2:
        found = f"only '{signs[0].name}'" if signs else "none with files"
        raise NewDatasetError(
            f"{root}: needs a folder for each of two signs or more, has {found}; give the folder "
            "that has my_signs/hello/1.mp4, my_signs/thanks/1.mp4, ... or a CSV file"
        )
    return signs


def clips_of_table(path: Path, source: str, args: argparse.Namespace) -> list[SignClip]:
    """Read the clips of a CSV file with the columns path, gloss and, if known, signer and split.

    Arguments are those of :func:`clips_of_folder`. Paths are relative to the file's folder. Ids are
    those of a column ``id``, else they follow from the paths by the rule of
    :mod:`masa_mm.pose.clip_ids`.

    Raises:
        ListError: If the file cannot be read.
        NewDatasetError: If no clip is listed, a clip's file does not exist, is listed twice or
            holds several clips, two clips have one id, or only some clips have a split.
    """
    rows = table_rows(path)
    _refuse_repeated_rows(rows)
    names = ids_of_paths([row["path"] for row in rows])
    clips = []
    for row, name in zip(rows, names):
        place = path.parent / row["path"]
        ((_, _, entry), *more) = _found(source, place, args)
        if more:
            number = 1 + len(more)
            raise NewDatasetError(f"{row['at']}: {place} holds {number} clips; list one a line")
        gloss = row.get("gloss") or row["label"]
        fields = (row.get("id", name), gloss, place, row.get("signer", ""), row.get("split", ""))
        clips.append(SignClip(*fields, entry))
    _refuse_repeated(clips)
    missing = [clip.id for clip in clips if not clip.split]
    if 0 < len(missing) < len(clips):
        raise NewDatasetError(
            f"{path}: {len(missing)} clips have no split, the first is '{missing[0]}'; give all "
            "clips a split, or none"
        )
    return clips


def table_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file, whose paths must exist; 'at' is the row's place."""
    rows = list(read_fields(str(path), None, TableFormat()))
    if not rows:
        raise NewDatasetError(f"{path}: lists no clip; add a line for each clip")
    for row in rows:
        if "path" not in row:
            raise NewDatasetError(f"{row['at']}: has no path; name each clip's file or folder")
        if not (path.parent / row["path"]).exists():
            raise NewDatasetError(
                f"{row['at']}: {path.parent / row['path']} does not exist; paths are relative to "
                "the CSV file's folder"
            )
    return rows


def detect_source(root: Path) -> str:
    """Tell the source of a folder of signs, or of the files in a CSV file, by the files' names.

    Raises:
        NewDatasetError: If there is no video or pose file, or it is not clear what they are.
    """
    if root.is_dir():
        paths = [path for sign in sign_folders(root) for path in sorted(sign.iterdir())]
        clips = [path for path in paths if path.name[0] != "."]
    else:
        clips = [root.parent / row["path"] for row in table_rows(root)]
    found: dict[str, Path] = {}
    for place in clips:
        for file in _files(place):
            kind = _kind(file, in_folder=file != place)
            if kind is not None:
                found.setdefault(kind, file)
    names = ", ".join(sorted((VIDEO_SOURCE, *FOLDER_SOURCES)))
    if not found:
        raise NewDatasetError(f"{root}: has no videos or pose files; give --source, one of {names}")
    if len(found) > 1 or _UNCLEAR in found:
        files = " and ".join(str(file) for file in found.values())
        raise NewDatasetError(f"{files}: {_why_unclear(found)}; give --source, one of {names}")
    return next(iter(found))


def _why_unclear(found: dict[str, Path]) -> str:
    """Say what is not clear about the files of each kind that were found."""
    if len(found) > 1:
        return "are of several kinds; move those away that are no clips"
    if found[_UNCLEAR].suffix.lower() == ".npy" and found[_UNCLEAR].stem.isdigit():
        return "its kind is not clear; frames are at SIGN/SEQUENCE/FRAME.npy, in the folder given"
    return "its kind is not clear"


def _kind(file: Path, in_folder: bool) -> str | None:
    """Return a file's source, '' if several sources have such files, None if none has.

    Args:
        file (Path): The file.
        in_folder (bool): Whether it lies in a folder of its clip.
    """
    suffix = file.suffix.lower()
    if suffix in VIDEOS or suffix in IMAGES:
        return VIDEO_SOURCE
    if suffix == ".pose":
        return "pose-format"
    if file.name.endswith("_keypoints.json"):
        return "openpose"
    if suffix == ".npy" and file.stem.isdigit() and in_folder:
        return "mediapipe-frames"
    return _UNCLEAR if suffix in _UNCLEAR_SUFFIXES else None


def _is_hidden(name: str) -> bool:
    """Whether a folder is one that systems and archivers add, as '.git' or '__MACOSX'."""
    return name.startswith((".", "__"))


def _files(place: Path) -> Iterator[Path]:
    """Iterate over a file, or the files below a folder, without hidden ones."""
    if not place.is_dir():
        yield place
    for folder, folders, names in os.walk(place):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        yield from (Path(folder, name) for name in sorted(names) if name[0] != ".")


def _found(
    source: str, below: Path, args: argparse.Namespace
) -> list[tuple[str, Path, Entry | None]]:
    """Return name, place and entry of the clips at or below a path; a video has no entry."""
    if source == VIDEO_SOURCE:
        return [(path.stem, path, None) for path in find_videos([below])]
    options = argparse.Namespace(**{**vars(args), "input": str(below)})
    entries = FOLDER_SOURCES[source].entries(options)
    return [(entry.name, entry.place or below / entry.name, entry) for entry in entries]


def _clip_id(place: Path, name: str, is_folder: bool) -> str:
    """Return the path of a clip's file without ending, and its name if the file may hold others.

    Args:
        place (Path): Its file or folder, below the folder of all signs.
        name (str): Its name in the source.
        is_folder (bool): Whether the place is a folder.
    """
    parts = list(place.parts) if is_folder else path_parts(place)
    path, end = "/" + "/".join(parts), f"/{name}"
    is_whole = name == place.stem or path.endswith(end) or end.endswith(path)
    return "/".join(parts if is_whole else [*parts, name])


def _signer(pattern: re.Pattern[str] | None, name: str) -> str:
    if pattern is None:
        return ""
    match = pattern.search(name)
    if match is None or not match[1]:
        raise NewDatasetError(
            f"--signer '{pattern.pattern}': finds no signer in '{name}'; correct it, or list "
            "the clips and their signers in a CSV file"
        )
    return match[1]


def _refuse_repeated_rows(rows: Sequence[dict[str, str]]) -> None:
    lines: dict[str, str] = {}
    for row in rows:
        if row["path"] in lines:
            raise NewDatasetError(
                f"{row['at']}: lists {row['path']} again, after {lines[row['path']]}; remove one"
            )
        lines[row["path"]] = row["at"].rsplit(": ", 1)[-1]


def _refuse_repeated(clips: Sequence[SignClip]) -> None:
    places: dict[str, Path] = {}
    for clip in clips:
        if clip.id in places:
            raise NewDatasetError(
                f"{clip.place}: its clip has the id '{clip.id}', as has that of "
                f"{places[clip.id]}; rename one"
            )
        places[clip.id] = clip.place
