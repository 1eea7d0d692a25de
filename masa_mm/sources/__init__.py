"""Readers of the pose files of other tools.

To add a source, write a module with a :class:`Source` and add it to :data:`SOURCES`.
"""

from masa_mm.pose.files import SourceError
from masa_mm.sources import (
    frame_folders,
    mediapipe,
    mmaction,
    mmpose,
    openhands,
    openpose,
    pose_format,
    spoter,
    wlasl,
)
from masa_mm.sources.base import ClipError, PoseSource, Source, SourceClips

__all__ = ["SOURCES", "ClipError", "PoseSource", "Source", "SourceClips", "SourceError"]

# The subcommands of tools/data/convert.py, in the order of its help text.
SOURCES: tuple[Source, ...] = (
    mmpose.SOURCE,
    mmpose.JSON_SOURCE,
    mmaction.SOURCE,
    openpose.SOURCE,
    mediapipe.HOLISTIC_SOURCE,
    mediapipe.HANDS_SOURCE,
    frame_folders.SOURCE,
    openhands.SOURCE,
    pose_format.SOURCE,
    mmpose.RTMLIB_SOURCE,
    spoter.SOURCE,
    wlasl.HANDS_SOURCE,
    wlasl.UPPER_BODY_SOURCE,
)
