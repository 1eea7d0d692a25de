"""Datasets, samplers, transforms and the collate function; importing registers them."""

from masa_mm.datasets import transforms
from masa_mm.datasets.balanced_batches import LengthBalancedBatches
from masa_mm.datasets.benchmarks import MSASLPose, NMFsCSLPose, SLR500Pose, WLASLPose
from masa_mm.datasets.collate import pad_clips
from masa_mm.datasets.csv_pose import CSVPose
from masa_mm.datasets.listed_benchmarks import (
    ASLCitizenPose,
    AUTSLPose,
    BosphorusSign22kPose,
    DEVISIGNPose,
    GSLPose,
    INCLUDEPose,
    LSA64Pose,
)
from masa_mm.datasets.pool import PooledSigns, PoolSampler
from masa_mm.datasets.sign_benchmark import Coverage, SignBenchmark
from masa_mm.datasets.sign_pose_dataset import SignPoseDataset
from masa_mm.pose.store import PoseStore
from masa_mm.pose.store_format import PoseStoreError
from masa_mm.pose.store_writer import PoseStoreWriter, write_store

__all__ = [
    "ASLCitizenPose",
    "AUTSLPose",
    "BosphorusSign22kPose",
    "CSVPose",
    "Coverage",
    "DEVISIGNPose",
    "GSLPose",
    "INCLUDEPose",
    "LSA64Pose",
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
