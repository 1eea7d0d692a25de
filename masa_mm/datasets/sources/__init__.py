"""Readers of pose sources, one file a source, and the way from them to a pose store."""

from .base import SourceClips, SourceError, convert

__all__ = ["SourceClips", "SourceError", "convert"]
