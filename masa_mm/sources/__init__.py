"""Readers of pose sources, one file a source, and the way from them to a pose store."""

from masa_mm.pose.files import SourceError
from masa_mm.sources.base import ClipError, PoseSource, Source, SourceClips

__all__ = ["ClipError", "PoseSource", "Source", "SourceClips", "SourceError"]
