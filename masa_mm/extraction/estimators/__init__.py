"""Pose estimators, one file each; their packages are imported when one is used."""

from .base import ESTIMATORS, EstimatorError, Persons, PoseEstimator, build, nobody
from .mediapipe import MediaPipeEstimator
from .mmpose import MMPoseEstimator
from .rtmlib import RTMLibEstimator

__all__ = [
    "ESTIMATORS",
    "EstimatorError",
    "MMPoseEstimator",
    "MediaPipeEstimator",
    "Persons",
    "PoseEstimator",
    "RTMLibEstimator",
    "build",
    "nobody",
]
