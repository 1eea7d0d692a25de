"""Signs from file to batch; importing registers datasets, transforms and the collate function."""

from . import transforms
from .balanced_batches import LengthBalancedBatches
from .benchmarks import Coverage, MSASLPose, NMFsCSLPose, SignBenchmark, SLR500Pose, WLASLPose
from .collate import pad_clips
from .pool import PooledSigns, PoolSampler
from .sign_pose_dataset import SignPoseDataset
from .store import PoseStore, PoseStoreError, PoseStoreWriter, write_store

__all__ = [
    "Coverage",
    "LengthBalancedBatches",
    "MSASLPose",
    "NMFsCSLPose",
    "PoolSampler",
    "PooledSigns",
    "PoseStore",
    "PoseStoreError",
    "PoseStoreWriter",
    "SLR500Pose",
    "SignBenchmark",
    "SignPoseDataset",
    "WLASLPose",
    "pad_clips",
    "transforms",
    "write_store",
]
