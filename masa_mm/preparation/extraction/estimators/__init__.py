"""Pose estimators, one file each; their packages are imported when one is used."""

from masa_mm.preparation.extraction.estimators.base import (
    ESTIMATORS,
    EstimatorError,
    Persons,
    PoseEstimator,
    build,
    nobody,
)
from masa_mm.preparation.extraction.estimators.mediapipe import MediaPipeEstimator
from masa_mm.preparation.extraction.estimators.mmpose import MMPoseEstimator
from masa_mm.preparation.extraction.estimators.rtmlib import RTMLibEstimator

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
