"""Pose extraction from videos.

The estimators share one interface; a run can be interrupted, resumed and split among processes. The
command line is ``tools/data/extract_poses.py``, the guide docs/data/extraction.md.
"""

from masa_mm.preparation.extraction.adapters import MMPoseEstimator, RTMLibEstimator
from masa_mm.preparation.extraction.clip_files import ClipFiles, ExtractedClip
from masa_mm.preparation.extraction.estimators import ESTIMATORS, Persons, PoseEstimator
from masa_mm.preparation.extraction.extract import extract_clip, extract_share
from masa_mm.preparation.extraction.mediapipe_estimator import MediaPipeEstimator
from masa_mm.preparation.extraction.plan import ClipJob, Plan, plan_benchmark, plan_videos
from masa_mm.preparation.extraction.video import read_frames

__all__ = [
    "ESTIMATORS",
    "ClipFiles",
    "ClipJob",
    "ExtractedClip",
    "MMPoseEstimator",
    "MediaPipeEstimator",
    "Persons",
    "Plan",
    "PoseEstimator",
    "RTMLibEstimator",
    "extract_clip",
    "extract_share",
    "plan_benchmark",
    "plan_videos",
    "read_frames",
]
