"""Small valid clips."""

from __future__ import annotations

import numpy as np

from masa_mm.pose.store_writer import write_store

GLOSSES = ["book", "drink", "computer"]


def arrays(num_frames=(4, 1, 7, 3), seed=0):
    """Part coordinates, scores and labels of valid clips."""
    rng = np.random.default_rng(seed)
    frames = sum(num_frames)
    score = rng.uniform(0.5, 1, (frames, 49)) * (rng.random((frames, 49)) < 0.9)
    score[:, 0] = 1
    keypoint = np.where(score[..., None] > 0, rng.random((frames, 49, 2)), 0)
    return dict(
        keypoint=keypoint.astype(np.float32),
        keypoint_score=score.astype(np.float32),
        num_frames=np.array(num_frames),
        ids=[f"clip{i}" for i in range(len(num_frames))],
        label=np.arange(len(num_frames)) % len(GLOSSES),
    )


def make_store(path, **changes):
    """Write a store of :func:`arrays`; ``changes`` are arguments of ``write_store``."""
    kwargs = dict(arrays(), source="toy", split="train", glosses=GLOSSES)
    kwargs.update(changes)
    write_store(path, **kwargs)
    return str(path)


def annotations(num_clips=3, joints=133, seed=0, size=(480, 640)):
    """MMAction2 pose annotations in pixels."""
    rng = np.random.default_rng(seed)
    return [
        dict(
            frame_dir=f"clip{i}",
            total_frames=2 + i,
            img_shape=size,
            label=i % len(GLOSSES),
            keypoint=(rng.random((1, 2 + i, joints, 2)) * size[::-1]).astype(np.float32),
            keypoint_score=rng.uniform(0.5, 1, (1, 2 + i, joints)).astype(np.float32),
        )
        for i in range(num_clips)
    ]
