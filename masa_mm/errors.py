"""What users can mend themselves; the tools show it as one line, without a traceback."""

from __future__ import annotations


class UserError(ValueError):
    """Something is wrong with a file, a config or an option; the message names it and the remedy.

    Errors of this kind have subclasses where somebody may want to catch them by name.
    """


class MissingKeyError(UserError, KeyError):
    """A key or a name that is not there."""

    # KeyError would put its message in quotes.
    __str__ = Exception.__str__


def in_one_line(error: Exception, limit: int = 100) -> str:
    """What a library says of a damaged file: its kind and message, without what breaks a line."""
    text = f"{type(error).__name__}: {error}".encode("unicode_escape").decode()
    return text if len(text) <= limit else f"{text[:limit]}..."
