"""What the checks found as a page and as JSON."""

from .write import write_report

__all__ = ["write_report"]
