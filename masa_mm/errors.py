"""User errors: the command lines print them as one line, without a traceback."""

from __future__ import annotations


class UserError(ValueError):
    """A file, config or option is wrong; the message names it and the remedy.

    Subclasses exist where a caller may want to catch one kind.
    """


class MissingKeyError(UserError, KeyError):
    """A key or a name does not exist."""

    # KeyError.__str__ would quote the message.
    __str__ = Exception.__str__


def in_one_line(error: Exception, limit: int = 100) -> str:
    """Format a library's error as its class and message, up to ``limit`` characters."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text if len(text) <= limit else f"{text[:limit]}..."
