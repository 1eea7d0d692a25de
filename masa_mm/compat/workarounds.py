"""What a workaround is, and the list of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Workaround(NamedTuple):
    """What is broken upstream, where it is reported, and the function that mends it if it is."""

    name: str
    issue: str
    mend: Callable[[], bool]


WORKAROUNDS: list[Workaround] = []


def workaround(issue: str) -> Callable:
    """Register a function as the workaround of an upstream issue; they run in this order."""

    def register(mend: Callable[[], bool]) -> Callable[[], bool]:
        WORKAROUNDS.append(Workaround(mend.__name__, issue, mend))
        return mend

    return register
