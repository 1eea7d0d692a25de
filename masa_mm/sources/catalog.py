"""All sources that ``tools/data/convert.py`` knows; to add one, add it here."""

from __future__ import annotations

from masa_mm.sources import (
    mediapipe,
    mmaction,
    mmpose,
    mmpose_json,
    openpose,
    rtmlib,
    spoter,
    wlasl_hands,
    wlasl_upper_body,
)
from masa_mm.sources import pose_format as dot_pose
from masa_mm.sources.base import Source

SOURCES: tuple[Source, ...] = (
    mmpose.SOURCE,
    mmpose_json.SOURCE,
    mmaction.SOURCE,
    openpose.SOURCE,
    mediapipe.HOLISTIC_SOURCE,
    mediapipe.HANDS_SOURCE,
    dot_pose.SOURCE,
    rtmlib.SOURCE,
    spoter.SOURCE,
    wlasl_hands.SOURCE,
    wlasl_upper_body.SOURCE,
)
