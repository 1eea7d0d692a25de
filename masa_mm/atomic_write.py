"""Atomic file writing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from masa_mm.errors import UserError


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary file that replaces ``path`` when the block succeeds.

    A reader of ``path`` sees the old file or the complete new one. Missing folders are created.

    Args:
        path (str | os.PathLike): File to write.

    Yields:
        Path: Temporary file in the same folder. It is removed if the block fails.

    Raises:
        UserError: If ``path`` is a folder, or lies below a file.

    Example:
        >>> with atomic_write('clips.csv') as temporary:
        ...     temporary.write_text('id')
    """
    path = Path(path)
    make_folder(path.parent)
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file to write")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.touch()
        mode = temporary.stat().st_mode  # follows the user's umask; some writers ignore it
        yield temporary
        temporary.chmod(mode)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(path: str | os.PathLike) -> None:
    """Create a folder and its missing parents.

    Raises:
        UserError: If a file has the name of the folder or of one of its parents.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UserError(
            f"{path}: cannot create this folder, a file has its name; name another"
        ) from None
