"""Seeded clips for the benchmarks: lengths as the benchmarks' clips have, signers in motion.

All 49 joints are there in every frame, so nothing is cheap because a detector missed it. With the
paper's mask about a fifth of the frames stay visible, the most that was seen on realistic clips.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from masa_mm.pose.skeleton import NUM_JOINTS
from masa_mm.pose.store_writer import write_store

SHORTEST, LONGEST, MEAN = 30, 150, 69
FULL = 64
# Share of a clip's frames at its ends in which the signer rests.
_REST = 0.08
_GLOSSES = ("book", "drink", "computer")


def clip_lengths(count: int, seed: int = 0, batch_size: int = 16) -> np.ndarray:
    """Frames of each clip, int64 [count]: 30 to 150, mean 69, most of them short.

    Each batch draws once from each of ``batch_size`` equal shares of the distribution: batches
    differ, their total hardly does, so few steps give a steady figure.
    """
    rng = np.random.default_rng(seed)
    batches = -(-count // batch_size)
    place = (np.arange(batch_size) + rng.random((batches, batch_size))) / batch_size
    power = (LONGEST - SHORTEST) / (MEAN - SHORTEST) - 1
    lengths = np.rint(SHORTEST + (LONGEST - SHORTEST) * place**power).astype(np.int64)
    return rng.permuted(lengths, axis=1).reshape(-1)[:count]


def clip_joints(num_frames: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Part coordinates [T, 49, 2] of joints on closed curves of their own, and scores [T, 49]."""
    time = np.arange(num_frames)[:, None, None]
    pace = 2 * np.pi / rng.uniform(15, 30, (1, NUM_JOINTS, 2))
    begin = rng.uniform(0, 2 * np.pi, (1, NUM_JOINTS, 2))
    moving = np.clip(time, _REST * num_frames, (1 - _REST) * num_frames)
    middle, reach = rng.uniform(0.3, 0.7, (1, NUM_JOINTS, 2)), 0.25
    keypoint = middle + reach * np.sin(begin + pace * moving)
    score = rng.uniform(0.5, 1, (num_frames, NUM_JOINTS))
    return keypoint.astype(np.float32), score.astype(np.float32)


def clips(lengths: np.ndarray, seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Joints and scores of clips of these lengths."""
    rng = np.random.default_rng(seed)
    for num_frames in lengths.tolist():
        yield clip_joints(num_frames, rng)


def write_clips(path: Path, lengths: np.ndarray, seed: int = 0) -> str:
    """Write such clips as a pose store; returns its path."""
    keypoint, score = (np.concatenate(arrays) for arrays in zip(*clips(lengths, seed)))
    write_store(
        path,
        keypoint,
        score,
        lengths,
        [f"clip{number}" for number in range(len(lengths))],
        source="synthetic",
        split="train",
        glosses=_GLOSSES,
        label=np.arange(len(lengths)) % len(_GLOSSES),
    )
    return str(path)
