"""User errors: the command lines print them as one line, without a traceback."""

from __future__ import annotations

import os
import sys


class UserError(ValueError):
    """A file, config or option is wrong; the message names it and the remedy.

    Subclasses exist where a caller may want to catch one kind.
    """


class MissingKeyError(UserError, KeyError):
    """A key or a name does not exist."""

    # KeyError.__str__ would quote the message.
    __str__ = Exception.__str__


def printable(text: str) -> str:
    """Return a text in one line; characters that a terminal would not show are escaped.

    File names and ids may hold line breaks, control characters that move the cursor, and bytes that
    are not UTF-8.
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def in_one_line(error: Exception, limit: int = 100) -> str:
    """Format a library's error as its class and message, up to ``limit`` characters."""
    text = printable(" ".join(f"{type(error).__name__}: {error}".split()))
    return text if len(text) <= limit else f"{text[:limit]}..."


def describe(error: Exception) -> str:
    """The message of an error; for one of the system, the file and the reason."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{os.fsdecode(error.filename)[:200]}: {error.strerror}"
    return str(error)


def print_error(error: Exception) -> None:
    """Print an error as ``error: ...``; one line, or one for each of its ``lines``."""
    for line in getattr(error, "lines", (describe(error),)):
        print(f"error: {printable(line)}", file=sys.stderr)


def allow_any_output() -> None:
    """Let the standard output escape what its encoding lacks, as the standard error does.

    Otherwise a name such as 'é' ends a command on a terminal or in a pipe of ASCII.
    """
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:  # Jupyter's output has another class, and takes any text
        reconfigure(errors="backslashreplace")
