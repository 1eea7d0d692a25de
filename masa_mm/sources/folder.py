"""Sources of one clip per file or folder: their options, files, labels and image sizes.

:func:`file_source` declares a source whose clips are one file each, :func:`folder_source` one that
finds its clips in another way.
"""

from __future__ import annotations

import argparse
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from masa_mm.errors import UserError
from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.clip_ids import ids_of_paths
from masa_mm.pose.crop import VISIBLE_THR
from masa_mm.pose.files import SourceError, has_array, read_arrays
from masa_mm.sources.base import (
    MAX_SIDE,
    ClipError,
    Option,
    PoseSource,
    Source,
    SourceClips,
    bad_clip,
)
from masa_mm.sources.clip_list import ClipList, ListCoverage, ListedClip, read_clip_list
from masa_mm.sources.image_size import ImageSizes

Arrays = Mapping[str, np.ndarray]


class RawClip(NamedTuple):
    """A clip as its reader gives it, in the joints of the source's layout.

    Args:
        keypoint (np.ndarray): [T, V, 2].
        score (np.ndarray): [T, V], 0 = absent.
        img_shape (tuple[int, int] | None): (h, w) in pixels, if the file tells.
        normalized (bool): Whether x and y are divided by the image's width and height.
        min_score (float): The estimator's joints are visible from this score on.
    """

    keypoint: np.ndarray
    score: np.ndarray
    img_shape: tuple[int, int] | None = None
    normalized: bool = False
    min_score: float = VISIBLE_THR


class Entry(NamedTuple):
    """A clip to be read.

    Args:
        name (str): The clip's id.
        read (Callable): Reads it.
        label (int): Its label without a list of clips, -1 = none.
        place (Path | None): Its file or folder.
    """

    name: str
    read: Callable[[], RawClip]
    label: int = -1
    place: Path | None = None


@dataclass(frozen=True)
class FolderSource(Source):
    """A source of one clip per file or folder, made by :func:`folder_source`.

    Args:
        entries (Callable): Finds the clips, given the parsed options.
        open_entries (Callable): Opens the source with some of these entries, which may have other
            names, given the parsed options, the entries and the list of their labels.
    """

    entries: Callable[[argparse.Namespace], Iterable[Entry]] = field(kw_only=True)
    open_entries: Callable[[argparse.Namespace, Iterable[Entry], ClipList], PoseSource] = field(
        kw_only=True
    )


# Options that several sources share.
_CLASS_LIST_HELP = "class names, one per line, in the order of labels"
CLASS_LIST: Option = ("--class-list", dict(help=_CLASS_LIST_HELP))
_FIRST_LABEL_HELP = "label of the first class in the list or file"
FIRST_LABEL: Option = ("--first-label", dict(type=int, default=0, help=_FIRST_LABEL_HELP))
_IMG_SIZE_HELP = "image size in pixels, where neither source nor list tells; default: guessed"
IMG_SIZE: Option = (
    "--img-size",
    dict(nargs=2, type=int, metavar=("WIDTH", "HEIGHT"), help=_IMG_SIZE_HELP),
)
_UNITS_HELP = "whether x and y are divided by the image's width and height"
UNITS: Option = (
    "--units",
    dict(choices=("normalized", "pixels"), default="normalized", help=_UNITS_HELP),
)
_LABELS_HELP = "list of id, label, gloss, signer, split: .csv or .json"
_LABELS: Option = ("--labels", dict(metavar="FILE", help=_LABELS_HELP))


_SAME_ID = (
    "rename one, or convert their folders one at a time, each with a --source-name of its own"
)


def option_img_size(args: argparse.Namespace) -> tuple[int, int] | None:
    """Return ``--img-size`` as (h, w); a SourceError if a side is not positive."""
    if args.img_size is None:
        return None
    width, height = args.img_size
    if min(width, height) <= 0 or max(width, height) > MAX_SIDE:
        raise SourceError(
            f"--img-size is WIDTH HEIGHT, both above 0 and up to {MAX_SIDE}; got {args.img_size}"
        )
    return height, width


def file_source(
    name: str,
    text: str,
    layout: str,
    read: Callable[[Path, argparse.Namespace], RawClip],
    *suffixes: str,
) -> FolderSource:
    """Declare a source whose clips are one file each, named like the file.

    ``read`` makes a clip of a file with one of the suffixes, given the parsed options. The other
    arguments are those of :func:`folder_source`.
    """

    def entries(args: argparse.Namespace) -> Iterator[Entry]:
        for name, file in named_files(files_below(args.input, *suffixes)):
            yield Entry(name, functools.partial(read, file, args), place=file)

    return folder_source(name, text, entries, layout)


def folder_source(
    name: str,
    text: str,
    entries: Callable[[argparse.Namespace], Iterable[Entry]],
    layout: str | None = None,
    options: Sequence[Option] = (),
    partial: bool = False,
    class_names: Callable[[argparse.Namespace], Sequence[str]] | None = None,
) -> FolderSource:
    """Declare a source with the options ``--labels``, ``--class-list``, ... and ``--img-size``.

    Args:
        name (str): Name on the command line.
        text (str): Help text.
        entries (Callable): Finds the clips, given the parsed options.
        layout (str | None): Joint layout of all clips. None: the source has an option ``--layout``.
        options (Sequence[Option]): The source's own options.
        partial (bool): See :class:`masa_mm.sources.PoseSource`.
        class_names (Callable | None): Class names without a list, given the parsed options; the
            entries then have labels.
    """

    def open_source(args: argparse.Namespace) -> PoseSource:
        if args.labels is not None:
            listed = read_clip_list(args.labels, args.class_list, args.first_label, args.split)
            return open_entries(args, entries(args), listed)
        if class_names is not None:
            return open_entries(args, entries(args), None, class_names(args))
        if args.class_list is not None:
            raise SourceError(f"{args.class_list}: a class list without labels; give --labels too")
        return open_entries(args, entries(args))

    def open_entries(
        args: argparse.Namespace,
        found: Iterable[Entry],
        listed: ClipList | None = None,
        glosses: Sequence[str] = (),
    ) -> PoseSource:
        notes: list[str] = []
        return PoseSource(
            name=args.source_name or args.source,
            layout=layout or args.layout,
            blocks=clip_blocks(found, option_img_size(args), listed, notes),
            glosses=glosses if listed is None else listed.glosses,
            split=args.split or "",
            partial=partial,
            notes=notes,
        )

    own = (_LABELS, CLASS_LIST, FIRST_LABEL, IMG_SIZE, *options)
    return FolderSource(name, text, open_source, own, entries=entries, open_entries=open_entries)


def files_below(path: str | os.PathLike, *suffixes: str) -> Iterator[Path]:
    """Yield a file, or all files below a folder that have one of the endings, sorted by path.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        SourceError: If no file has one of the endings.
    """
    path, kinds = Path(path), " or ".join(f"*{suffix}" for suffix in suffixes)
    if path.is_file():
        if not path.name.endswith(suffixes):
            raise SourceError(f"{path}: not a {kinds} file; give one, or a folder of them")
        yield path
        return
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such file or folder")
    empty = True
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            if name.endswith(suffixes):
                empty = False
                yield Path(folder, name)
    if empty:
        raise SourceError(f"{path}: has no {kinds} file; give a folder of them")


def named_files(files: Iterable[Path]) -> list[tuple[str, Path]]:
    """Return the id of each file's clip (:mod:`masa_mm.pose.clip_ids`), and the file."""
    files = list(files)
    # The rule removes known endings only, a source's files may have any.
    return list(zip(ids_of_paths([file.with_suffix(".npy") for file in files]), files))


def array_entries(path: str, array_name: str, read: Callable[[Arrays], RawClip]) -> Iterator[Entry]:
    """Yield the clips of ``.npy`` and ``.npz`` files: one per file, or many packed in one.

    An ``.npz`` with ``num_frames`` and ``id`` [clips] packs many clips. All its other arrays are
    then concatenated along time, except ``img_shape`` [clips, 2]. ``read`` makes a clip of its
    arrays; the array of an ``.npy`` file gets the name ``array_name``.
    """
    for name, file in named_files(files_below(path, ".npy", ".npz")):
        if has_array(file, "num_frames"):
            yield from _packed_entries(file, read)
        else:
            reader = functools.partial(_read_array_file, file, array_name, read)
            yield Entry(name, reader, place=file)


def _read_array_file(file: Path, array_name: str, read: Callable[[Arrays], RawClip]) -> RawClip:
    content = read_arrays(file)
    return read(content if isinstance(content, dict) else {array_name: content})


def _packed_entries(file: Path, read: Callable[[Arrays], RawClip]) -> Iterator[Entry]:
    arrays = read_arrays(file)
    assert isinstance(arrays, dict)  # it has an array 'num_frames'
    arrays.setdefault("id", np.empty(0))
    num_frames = check_packed(file, arrays, ("num_frames", "id", "img_shape"))
    names = arrays.pop("id").astype(str).tolist()
    del arrays["num_frames"]
    for index, (name, stop) in enumerate(zip(names, num_frames.cumsum())):
        clip = {key: array[stop - num_frames[index] : stop] for key, array in arrays.items()}
        if "img_shape" in arrays:
            clip["img_shape"] = arrays["img_shape"][index]
        yield Entry(name, functools.partial(read, clip), place=file)


def check_packed(path: str | os.PathLike, arrays: Arrays, per_clip: Sequence[str]) -> np.ndarray:
    """Check the lengths of packed arrays (clips if ``per_clip``, else frames); return num_frames.

    Raises:
        SourceError: If an array does not fit; the message names it.
    """
    num_frames = arrays["num_frames"]
    if num_frames.ndim != 1 or num_frames.dtype.kind not in "iu" or (num_frames < 0).any():
        raise SourceError(
            f"{path}: num_frames must be whole numbers [clips]; save or copy it again"
        )
    for name, array in arrays.items():
        expected = len(num_frames) if name in per_clip else int(num_frames.sum())
        if array.shape[:1] != (expected,):
            raise SourceError(
                f"{path}: {name} has {list(array.shape)} entries, num_frames needs {expected}; "
                "save or copy it again"
            )
    return num_frames.astype(np.int64)


def clip_blocks(
    entries: Iterable[Entry],
    img_size: tuple[int, int] | None = None,
    listed: ClipList | None = None,
    notes: list[str] | None = None,
) -> Iterator[SourceClips | BadClip]:
    """Read clips one after the other; a clip that cannot be read becomes a :class:`BadClip`.

    Args:
        entries (Iterable[Entry]): The clips.
        img_size (tuple[int, int] | None): (h, w) of the images, where no file or list tells. None:
            guessed, see :mod:`masa_mm.sources.image_size`.
        listed (ClipList | None): If given, only its clips are read, with its labels.
        notes (list[str] | None): Receives how many clips list and folder do not share, and how many
            image sizes are guesses.

    Raises:
        SourceError: If the folder has clips, but none of the list's.
    """
    coverage, sizes = None if listed is None else ListCoverage(listed), ImageSizes(img_size)
    place_of: dict[str, str] = {}
    for entry in entries:
        if coverage is not None and not coverage.selects(entry.name):
            continue
        info = ListedClip(entry.label) if listed is None else listed.clips[entry.name]
        place = str(entry.place)
        if place_of.setdefault(entry.name, place) != place:
            yield BadClip(entry.name, f"{place_of[entry.name]} and {place} have this id", _SAME_ID)
            continue
        try:
            yield _block(entry, info, sizes)
        except (UserError, OSError) as error:
            yield bad_clip(entry.name, error)
    if notes is not None:
        notes += [] if coverage is None else coverage.notes()
        notes += sizes.notes()


def _block(entry: Entry, info: ListedClip, sizes: ImageSizes) -> SourceClips:
    """Read a clip."""
    clip = entry.read()
    _check_arrays(clip)
    joints = clip.keypoint[clip.score >= clip.min_score]
    size, is_guess = sizes.choose(clip.img_shape or info.size, joints, clip.normalized)
    return SourceClips(
        keypoint=clip.keypoint,
        score=clip.score,
        num_frames=np.array([len(clip.keypoint)]),
        ids=[entry.name],
        img_shape=np.array([size], np.float32),
        scale=(float(size[1]), float(size[0])) if clip.normalized else (1.0, 1.0),
        label=np.array([info.label]),
        signer=np.array([info.signer]),
        size=None if is_guess else np.array([size]),
        min_score=clip.min_score,
    )


def _check_arrays(clip: RawClip) -> None:
    if clip.keypoint.shape[-1:] != (2,) or clip.score.shape != clip.keypoint.shape[:-1]:
        shapes = f"keypoint is {list(clip.keypoint.shape)} and score {list(clip.score.shape)}"
        raise ClipError(shapes, "each joint needs x, y and a score")
    if not all(array.dtype.kind in "fiu" for array in (clip.keypoint, clip.score)):
        raise ClipError("its joints are not numbers", "give arrays of numbers")
