"""Sources of a file or a folder a clip: what they have in common."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from masa_mm.errors import UserError
from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.files import SourceError
from masa_mm.sources.base import ClipError, PoseSource, SourceClips, bad_clip
from masa_mm.sources.clip_list import ClipList, ListedClip, read_clip_list


class RawClip(NamedTuple):
    """A clip as a reader found it.

    ``keypoint`` [T, V, 2] and ``score`` [T, V] in the joints of the source's layout; ``img_shape``
    (h, w) in pixels if the file knows it; ``normalized`` if the coordinates are divided by it.
    """

    keypoint: np.ndarray
    score: np.ndarray
    img_shape: Sequence[int] | None = None
    normalized: bool = False


# A clip's name, and what reads it when its turn comes.
Entry = tuple[str, Callable[[], RawClip]]


def add_folder_options(parser: argparse.ArgumentParser) -> None:
    """The options of all folder sources."""
    parser.add_argument(
        "--labels", metavar="FILE", help="list of id, label, gloss, signer, split: .csv or .json"
    )
    parser.add_argument("--class-list", help="class names, a line each, in the order of the labels")
    parser.add_argument(
        "--first-label", type=int, default=0, help="the first class's label in the list"
    )
    add_img_size(parser)


def add_units(parser: argparse.ArgumentParser) -> None:
    """The option for sources that divide coordinates by the image's size, as a rule."""
    parser.add_argument(
        "--units",
        choices=("normalized", "pixels"),
        default="normalized",
        help="whether x and y are divided by the image's width and height",
    )


def add_img_size(parser: argparse.ArgumentParser) -> None:
    """The option for sources that may not know the images' size."""
    parser.add_argument(
        "--img-size",
        nargs=2,
        type=int,
        metavar=("WIDTH", "HEIGHT"),
        help="pixels of the images, where the source does not say",
    )


def files_below(path: str | os.PathLike, *suffixes: str) -> Iterator[Path]:
    """A file, or the files of a folder and its folders that end so, in order of their paths.

    Raises:
        FileNotFoundError: there is no such file or folder.
        SourceError: there is no such file in the folder.
    """
    path = Path(path)
    if path.is_file():
        if not path.name.endswith(suffixes):
            raise SourceError(f"{path}: not a {' or '.join(suffixes)} file; give one, or a folder")
        yield path
        return
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such file or folder")
    found = False
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            if name.endswith(suffixes):
                found = True
                yield Path(folder, name)
    if not found:
        raise SourceError(f"{path}: holds no {' or '.join(suffixes)} file; give a folder of them")


def open_folder(
    args: argparse.Namespace, layout: str, entries: Iterable[Entry], partial: bool = False
) -> PoseSource:
    """A source of one entry a clip, with the labels of ``--labels``.

    Args:
        args: of :func:`add_folder_options`, and ``source``, ``source_name``, ``split``.
        layout: of all clips.
        entries: the clips, read one after the other.
        partial: see :class:`PoseSource`.

    Raises:
        FileNotFoundError, SourceError: the list cannot be read; while the blocks are read also
            that no clip of the list is there, or that an image's size is not known.
    """
    img_size = image_size(args.img_size)
    listed = None
    if args.labels is not None:
        listed = read_clip_list(args.labels, args.class_list, args.first_label, args.split)
    elif args.class_list is not None:
        raise SourceError(f"{args.class_list}: a class list without labels; give --labels too")
    notes: list[str] = []
    return PoseSource(
        name=args.source_name or args.source,
        layout=layout,
        blocks=_blocks(entries, listed, img_size, notes),
        glosses=() if listed is None else listed.glosses,
        split=args.split or "",
        partial=partial,
        notes=notes,
    )


def image_size(sides: Sequence[int] | None) -> tuple[int, int] | None:
    """(h, w) from the option's width and height."""
    if sides is None:
        return None
    if min(sides) <= 0:
        raise SourceError(f"--img-size is WIDTH HEIGHT in pixels, above 0, got {sides}; mend it")
    return sides[1], sides[0]


def _blocks(
    entries: Iterable[Entry],
    listed: ClipList | None,
    img_size: tuple[int, int] | None,
    notes: list[str],
) -> Iterator[SourceClips | BadClip]:
    seen, unlisted = set(), []
    for name, read in entries:
        if listed is not None and name not in listed.clips:
            unlisted.append(name)
            continue
        seen.add(name)
        about = ListedClip() if listed is None else listed.clips[name]
        try:
            clip = read()
            _check_shapes(clip)
        except (UserError, OSError) as error:
            yield bad_clip(name, error)
            continue
        yield _block(name, clip, about, img_size)
    if listed is not None:
        notes += _coverage(listed, seen, unlisted)


def _check_shapes(clip: RawClip) -> None:
    """Scores for each joint, numbers throughout."""
    shapes = f"keypoint is {list(clip.keypoint.shape)} and score {list(clip.score.shape)}"
    if clip.keypoint.shape[-1:] != (2,) or clip.score.shape != clip.keypoint.shape[:-1]:
        raise ClipError(shapes, "each joint needs x, y and a score")
    if not all(array.dtype.kind in "fiu" for array in (clip.keypoint, clip.score)):
        raise ClipError("its joints are no numbers", "give arrays of numbers")


def _block(
    name: str, clip: RawClip, about: ListedClip, img_size: tuple[int, int] | None
) -> SourceClips:
    size = clip.img_shape or about.size or img_size
    if size is None:
        raise SourceError(
            f"clip '{name}': its image size is not known; give --img-size WIDTH HEIGHT, or columns "
            "width and height in --labels"
        )
    return SourceClips(
        keypoint=clip.keypoint,
        score=clip.score,
        num_frames=np.array([len(clip.keypoint)]),
        ids=[name],
        img_shape=np.array([size], np.float32),
        scale=(float(size[1]), float(size[0])) if clip.normalized else (1.0, 1.0),
        label=np.array([about.label]),
        signer=np.array([about.signer]),
        size=np.array([size]),
    )


def _coverage(listed: ClipList, seen: set[str], unlisted: Sequence[str]) -> list[str]:
    """How list and folder fit each other."""
    if not seen:
        raise SourceError(
            f"{listed.path}: lists none of the clips that are there: it has "
            f"'{next(iter(listed.clips))}', there is '{unlisted[0]}'; an id is a file's name "
            "without folder and ending"
        )
    notes = []
    if len(seen) < len(listed.clips):
        absent = next(name for name in listed.clips if name not in seen)
        notes.append(
            f"{listed.path}: {len(listed.clips) - len(seen)} of its {len(listed.clips)} clips are "
            f"not there, the first is '{absent}'"
        )
    if unlisted:
        notes.append(
            f"{len(unlisted)} clips are not in {listed.path} and were left out, the first is "
            f"'{unlisted[0]}'"
        )
    return notes
