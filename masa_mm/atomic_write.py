"""Atomic file writing: a kill, a full disk or a power loss leaves the old file or the new one.

New files are written under a temporary name, flushed to the disk and renamed. A temporary file is
locked while its process lives, so that a later process can tell it from what a killed one left.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from masa_mm.errors import UserError

try:
    import fcntl
except ImportError:  # Windows: leftovers of killed processes stay
    fcntl = None  # type: ignore[assignment]

# The machine is part of the name: some network file systems keep locks on each machine alone.
_MACHINE = hashlib.blake2b(platform.node().encode(), digest_size=4).hexdigest()
_TEMPORARY = re.compile(r"\..+\.([0-9a-f]{8})-[0-9a-f]{8}\.part")
_OTHER_MACHINES = 24 * 3600  # seconds after which their unlocked files count as left over

_NO_SPACE = "free some space or name another file"
_NO_ACCESS = "name a file in a folder that you may write to"
_REMEDIES = {
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: _NO_SPACE,
    errno.EFBIG: "raise the limit on file sizes (ulimit -f) or name a file on another disk",
    errno.EROFS: _NO_ACCESS,
    errno.EACCES: _NO_ACCESS,
    errno.EPERM: _NO_ACCESS,
    errno.ENAMETOOLONG: "give a shorter name",
}
_cleaned: set[Path] = set()


class WriteError(UserError):
    """The system refuses to write a file; the message names it, the reason and the remedy."""


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary file that replaces ``path`` when the block succeeds.

    A reader of ``path`` sees the old file or the complete new one, also after a power loss: the new
    file is on the disk before it is renamed, and its folder's entry before this returns. Of several
    writers of one file the last one wins. Missing folders are created.

    Args:
        path (str | os.PathLike): File to write.

    Yields:
        Path: Temporary file in the same folder, to be written in place. It is removed if the block
            fails.

    Raises:
        WriteError: If the file cannot be written.
        UserError: If ``path`` is a folder, or lies below a file.

    Example:
        >>> with atomic_write('clips.csv') as temporary:
        ...     temporary.write_text('id')
    """
    path = Path(path)
    with _temporary_file(path) as temporary:
        with _filling(path, temporary):
            yield temporary
        with naming_file(path, temporary):
            _rename(temporary, path)
            _sync_folder(path.parent)


def write_together(files: Mapping[str | os.PathLike, Callable[[Path], object]]) -> None:
    """Write several files as :func:`atomic_write` does, with its errors: all of them or none.

    Only a kill between two renames, which follow each other at once, leaves some old and some new
    files, each of them whole.

    Args:
        files (Mapping): For each path a function that writes a temporary file.
    """
    with ExitStack() as stack:
        temporaries: dict[Path, Path] = {}
        for path, write in files.items():
            temporary = stack.enter_context(_temporary_file(Path(path)))
            with _filling(Path(path), temporary):
                write(temporary)
            temporaries[Path(path)] = temporary
        _rename_all(temporaries)


@contextmanager
def naming_file(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Turn the system's errors in a block that writes ``path`` into :class:`WriteError`.

    Args:
        path (Path): The file to name.
        temporary (Path | None): The file that is really written. The errors of others, which the
            block reads, stay what they are. None: the block reads no other files.
    """
    try:
        yield
    except OSError as error:
        ours = (None, str(path), str(temporary))
        if error.errno is None or (temporary is not None and error.filename not in ours):
            raise
        raise _write_error(path, error) from error


def make_folder(path: str | os.PathLike) -> None:
    """Create a folder and its missing parents.

    Raises:
        WriteError: If the system refuses to.
        UserError: If a file has the name of the folder or of one of its parents.
    """
    path = Path(path)
    missing = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UserError(
            f"{path}: cannot create this folder, a file has its name; name another"
        ) from None
    except OSError as error:
        raise _write_error(path, error) from None
    for folder in missing:
        _sync_folder(folder.parent)


def remove_leftovers(folder: str | Path) -> None:
    """Remove the temporary files that killed processes left in a folder.

    Files that a living process writes are locked and stay. Of another machine, whose lock may not
    be seen here, only files that are a day old are removed.
    """
    with suppress(FileNotFoundError), os.scandir(str(folder)) as entries:
        for entry in entries:
            made_by = _TEMPORARY.fullmatch(entry.name)
            if made_by and fcntl is not None:
                with suppress(OSError):  # another process removes it, or it is not ours to remove
                    _remove_if_left(entry.path, made_by[1] == _MACHINE)


def _remove_if_left(path: str, of_this_machine: bool) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        age = time.time() - os.fstat(descriptor).st_mtime
        if of_this_machine or age > _OTHER_MACHINES:
            os.unlink(path)
    finally:
        os.close(descriptor)


@contextmanager
def _temporary_file(path: Path) -> Iterator[Path]:
    """Create and lock an empty file beside ``path``; it is gone after the block."""
    make_folder(path.parent)
    if os.path.isdir(path):
        raise UserError(f"{path}: is a folder; name a file to write")
    folder = path.parent.resolve()
    if folder not in _cleaned:  # at a process's first write there: listing a folder takes time
        remove_leftovers(folder)
        _cleaned.add(folder)
    try:
        temporary, descriptor = _create(path)
    except OSError as error:
        raise _write_error(path, error) from None
    try:
        yield temporary
    finally:
        with suppress(OSError):  # a disk that refuses this has refused the write before
            temporary.unlink(missing_ok=True)
        if descriptor is not None:
            os.close(descriptor)


def _create(path: Path) -> tuple[Path, int | None]:
    """Create a file of a new name; return it with the open file that holds its lock."""
    while True:
        temporary = _new_name(path)
        try:
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        if fcntl is None:
            os.close(descriptor)  # Windows cannot rename an open file
            return temporary, None
        with suppress(OSError):  # a file system without locks: nobody can remove it there either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Another process may have taken it for a leftover before it was locked.
        if os.path.lexists(temporary):
            return temporary, descriptor
        os.close(descriptor)


def _new_name(path: Path) -> Path:
    # A name has up to 255 bytes; that of the temporary file must fit where the file's own does.
    return path.with_name(f".{path.name[:40]}.{_MACHINE}-{os.urandom(4).hex()}.part")


@contextmanager
def _filling(path: Path, temporary: Path) -> Iterator[None]:
    """Flush the temporary file of ``path`` after the block that writes it."""
    with naming_file(path, temporary):
        mode = temporary.stat().st_mode
        yield
        temporary.chmod(mode)  # some writers ignore the user's umask, which the empty file followed
        _sync(temporary)


def _rename_all(temporaries: Mapping[Path, Path]) -> None:
    """Rename the temporary files to their paths; if one cannot be renamed, put back the others."""
    with ExitStack() as copies, ExitStack() as undo:
        copies.enter_context(_alone_in(next(iter(temporaries)).parent))
        old = {path: copies.enter_context(_old_version(path)) for path in temporaries}
        for path, temporary in temporaries.items():
            with naming_file(path, temporary):
                _rename(temporary, path)
            undo.callback(_put_back, path, old[path])
        undo.pop_all()  # nothing to undo
    for path, temporary in temporaries.items():
        with naming_file(path, temporary):
            _sync_folder(path.parent)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one process at a time rename its files, or two would mix theirs."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # NFS locks no folders
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _old_version(path: Path) -> Iterator[Path | None]:
    """Give the file of a path a second name for the time of the block; None if there is no file."""
    if not path.exists():
        yield None
        return
    copy = _new_name(path)
    try:
        with naming_file(path, copy):
            _link_or_copy(path, copy)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _link_or_copy(path: Path, copy: Path) -> None:
    try:
        os.link(path, copy)
    except OSError:  # a file system without hard links
        shutil.copy2(path, copy)


def _put_back(path: Path, old: Path | None) -> None:
    if old is None:
        path.unlink(missing_ok=True)
    else:
        os.replace(old, path)


def _rename(temporary: Path, path: Path) -> None:
    written = temporary.stat()
    try:
        os.replace(temporary, path)
    except OSError:
        # NFS reports an error for a rename that it has done, if the first answer was lost.
        if not (path.is_file() and os.path.samestat(written, path.stat())):
            raise


def _sync(path: Path) -> None:
    """Wait until a file or the entries of a folder are on the disk."""
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open folders
        return
    try:
        _sync(folder)
    except OSError as error:
        # Some network file systems cannot flush folders and write their entries at once.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EACCES):
            raise


def _write_error(path: Path, error: OSError) -> WriteError:
    remedy = _REMEDIES.get(error.errno or 0, "name a file on another disk, or try again")
    return WriteError(f"{path}: cannot be written ({error.strerror}); {remedy}")
