"""Let all processes of a run stop when one of them cannot go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.dist import broadcast_object_list

from masa_mm.errors import UserError


class StoppedByFirst(UserError):
    """The first process of the run has failed and reports why."""


@contextmanager
def first_fails_for_all() -> Iterator[None]:
    """Run a block, such as saving, whose work only the first process does.

    All processes enter it and leave it together. Without this, the others go on to their next
    exchange and wait there for a process that has ended.

    Raises:
        StoppedByFirst: In the other processes, if the block raises an error in the first one.
    """
    error: Exception | None = None
    try:
        yield
    except Exception as caught:  # raised again below; Ctrl-C reaches all processes itself
        error = caught
    failed = [error is not None]
    broadcast_object_list(failed)
    if error is not None:
        raise error
    if failed[0]:
        raise StoppedByFirst("the first process failed and has reported why")
