"""Ids of clips from the paths of their files, and names of files from ids.

The rule of lists, videos and datasets: the id is the file's name without its ending. If names
repeat, as in a folder a sign, it is as much of the end of the path as makes all ids different.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from masa_mm.errors import UserError

# Only known endings are removed: names may contain dots, as '4.7299129501965353e-7-seedSOUR.mp4'.
_VIDEOS = "3gp|avi|flv|gif|m4v|mkv|mov|mp4|mpeg|mpg|oni|swf|ts|webm|wmv"
_POSES = "csv|h5|hdf5|json|mat|npy|npz|pickle|pkl|pose|txt"
# SLR500's color videos are named 'P09_01_00_3._color.mp4'.
_ENDING = re.compile(rf"(\._color)?\.({_VIDEOS}|{_POSES})$", re.IGNORECASE)
# Characters and names that a system gives a meaning, on any system: folders move between them.
_MEANINGFUL = frozenset('%/\\<>:"|?*')
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_MAX_BYTES = 200  # of the 255 of most file systems


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


def clip_file(folder: str | os.PathLike, clip: str, ending: str) -> Path:
    """Return the file of a clip in a folder, ``folder/ID.ending``; it never lies outside.

    An id's '/' makes folders. Different ids have different files; see :func:`file_name`.

    Example:
        >>> clip_file("poses", "hello/1", "npz"), clip_file("poses", "../1", "npz")
        (PosixPath('poses/hello/1.npz'), PosixPath('poses/.%2E/1.npz'))
    """
    *folders, name = map(file_name, clip.split("/"))
    return Path(folder, *folders, f"{name}.{ending}")


def file_name(text: str) -> str:
    """Return the name of a file or folder for any text; ``urllib.parse.unquote`` reverts it.

    Separators, control characters, what Windows reserves, and '.' or a space at the end become
    '%' and hexadecimal digits, so also '.' and '..'. The empty text becomes '%'.

    Raises:
        UserError: If the name is too long for a file system.
    """
    name = "".join(
        _escaped(char) if char in _MEANINGFUL or not char.isprintable() else char for char in text
    )
    if _DEVICE.match(name):
        name = _escaped(name[0]) + name[1:]
    if name.endswith((".", " ")):
        name = name[:-1] + _escaped(name[-1])
    if len(name.encode()) > _MAX_BYTES:
        raise UserError(
            f"'{text[:40]}...': too long for the name of a file, {len(name.encode())} bytes; "
            f"shorten it to {_MAX_BYTES} or fewer"
        )
    return name or "%"


def _escaped(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
