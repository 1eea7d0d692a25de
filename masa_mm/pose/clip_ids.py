"""Ids of clips from the paths of their files.

The rule of lists, videos and datasets: the id is the file's name without its ending. If names
repeat, as in a folder a sign, it is as much of the end of the path as makes all ids different.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

# Only known endings are removed: names may contain dots, as '4.7299129501965353e-7-seedSOUR.mp4'.
_VIDEOS = "3gp|avi|flv|gif|m4v|mkv|mov|mp4|mpeg|mpg|oni|swf|ts|webm|wmv"
_POSES = "csv|h5|hdf5|json|mat|npy|npz|pickle|pkl|pose|txt"
# SLR500's color videos are named 'P09_01_00_3._color.mp4'.
_ENDING = re.compile(rf"(\._color)?\.({_VIDEOS}|{_POSES})$", re.IGNORECASE)


def path_parts(path: str | os.PathLike) -> list[str]:
    """Return the folders and the name in a path; the name without its ending.

    Both slashes separate. Drives, '.' and '..' are left out.

    Example:
        >>> path_parts("videos/1. loud/MVI_5177.MOV")
        ['videos', '1. loud', 'MVI_5177']
    """
    text = re.sub(r"^[A-Za-z]:[\\/]", "", os.fspath(path).strip())
    parts = [part for part in re.split(r"[\\/]", text) if part not in ("", ".", "..")]
    return [*parts[:-1], _ENDING.sub("", parts[-1])] if parts else []


def file_id(path: str | os.PathLike) -> str:
    """Return a file's name without folder and ending."""
    return path_end(path, 1)


def path_end(path: str | os.PathLike, length: int) -> str:
    """Return the last ``length`` parts of a path, joined by '/'."""
    return "/".join(path_parts(path)[-length:])


def ids_of_paths(paths: Sequence[str | os.PathLike]) -> list[str]:
    """Return an id for each path: the shortest end that makes the ids of all of them different.

    All ids have the same number of parts. Equal paths get equal ids.

    Example:
        >>> ids_of_paths(["hello/1.mp4", "thanks/1.mp4", "thanks/2.mp4"])
        ['hello/1', 'thanks/1', 'thanks/2']
    """
    parts = [path_parts(path) for path in paths]
    ids = _ends(parts, 1)
    different = len({tuple(names) for names in parts})
    for length in range(2, max(map(len, parts), default=0) + 1):
        if len(set(ids)) == different:
            break
        ids = _ends(parts, length)
    return ids


def _ends(parts: Iterable[Sequence[str]], length: int) -> list[str]:
    return ["/".join(names[-length:]) for names in parts]
