"""From videos to poses: estimators behind one interface, and runs that can be stopped and shared.

``tools/data/extract_poses.py`` is the way in; the page is docs/data/extraction.md.
"""

from masa_mm.preparation.extraction.clip_files import ClipFiles, ExtractedClip
from masa_mm.preparation.extraction.estimators import ESTIMATORS, Persons, PoseEstimator
from masa_mm.preparation.extraction.extract import extract_clip, extract_share
from masa_mm.preparation.extraction.plan import ClipJob, Plan, plan_benchmark, plan_videos
from masa_mm.preparation.extraction.video import read_frames

__all__ = [
    "ESTIMATORS",
    "ClipFiles",
    "ClipJob",
    "ExtractedClip",
    "Persons",
    "Plan",
    "PoseEstimator",
    "extract_clip",
    "extract_share",
    "plan_benchmark",
    "plan_videos",
    "read_frames",
]
