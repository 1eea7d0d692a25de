"""A pose store of very many short clips, for what grows with their number and not their length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from synthetic_clips import clips

from masa_mm.pose.store_writer import PoseStoreWriter

SHORTEST, LONGEST = 4, 12
BLOCK = 10_000
CLASSES = 2000


def write_many(path: Path, count: int, seed: int = 0) -> str:
    """Write ``count`` clips of 4 to 12 frames as they come, a block of 10,000 at a time.

    Every block has the same joints, drawn once; names and labels go on.
    """
    lengths = np.random.default_rng(seed).integers(SHORTEST, LONGEST + 1, min(BLOCK, count))
    arrays = (np.concatenate(parts) for parts in zip(*clips(lengths, seed)))
    keypoint, score = (array.astype(np.float16) for array in arrays)
    glosses = [f"sign{number}" for number in range(CLASSES)]
    with PoseStoreWriter(path, source="synthetic", split="train", glosses=glosses) as writer:
        for start in range(0, count, BLOCK):
            number = np.arange(start, min(start + BLOCK, count))
            own = lengths[: len(number)]
            frames = slice(own.sum())
            names = [f"clip{n:07d}" for n in number]
            writer.add_clips(keypoint[frames], score[frames], own, names, number % CLASSES)
    return str(path)
