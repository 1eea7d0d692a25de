"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from masa_mm.errors import UserError


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[Path]:
    """A file beside ``path`` to write to, renamed to it when the block ends well.

    Whoever looks at ``path`` finds the old file, the new one, or none. Missing folders are made.

    Raises:
        UserError: ``path`` is a folder, or lies below a file.

    Example:
        >>> with atomic_write('clips.csv') as beside:
        ...     beside.write_text('id')
    """
    path = Path(path)
    make_folder(path.parent)
    if path.is_dir():
        raise UserError(f"{path}: a folder; name a file to write")
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.touch()
        mode = beside.stat().st_mode  # the user's umask, which not every writer follows
        yield beside
        beside.chmod(mode)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def make_folder(path: str | os.PathLike) -> None:
    """Make a folder and those above it, where they are missing.

    Raises:
        UserError: there is a file of that name, or of one above it.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UserError(f"{path}: a file is in the way of this folder; name another") from None
