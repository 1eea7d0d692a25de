"""From videos to poses: estimators behind one interface, and runs that can be stopped and shared.

``tools/data/extract_poses.py`` is the way in; the page is docs/data/extraction.md.
"""

from .clip_files import ClipFiles, ExtractedClip
from .estimators import ESTIMATORS, Persons, PoseEstimator
from .extract import extract_clip, extract_share
from .plan import ClipJob, Plan, plan_benchmark, plan_videos
from .video import read_frames

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
