"""Readers of pose sources, one file a source, and the way from them to a pose store."""

from .base import ClipError, PoseSource, Source, SourceClips, SourceError
from .conversion import convert

__all__ = ["ClipError", "PoseSource", "Source", "SourceClips", "SourceError", "convert"]
