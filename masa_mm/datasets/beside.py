"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_beside(path: str | os.PathLike) -> Iterator[Path]:
    """A file beside ``path`` to write to, renamed to it when the block ends well.

    Whoever looks at ``path`` finds the old file, the new one, or none. Missing folders are made.

    Example:
        >>> with written_beside('clips.csv') as beside:
        ...     beside.write_text('id')
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.touch()
        mode = beside.stat().st_mode  # the user's umask, which not every writer follows
        yield beside
        beside.chmod(mode)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
