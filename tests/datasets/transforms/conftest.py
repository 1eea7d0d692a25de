"""A seeded clip in part coordinates whose arrays cannot be written to, as those of a store."""

import numpy as np
import pytest

PARTS = dict(right_hand=slice(0, 21), left_hand=slice(21, 42), body=slice(42, 49))


def _make_clip(frames=40, seed=0, missing=(), blank=(), step_px=4.0, low_scores=True, persons=1):
    """A random walk of 49 joints, ``step_px`` pixels a frame.

    missing: names of parts absent throughout; blank: frames without any joint.
    """
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, step_px / 256, (persons, frames, 49, 2))
    keypoint = rng.uniform(0.3, 0.7, (persons, 1, 49, 2)) + steps.cumsum(axis=1)
    score = rng.uniform(0.1 if low_scores else 0.5, 1, (persons, frames, 49))
    score[rng.random(score.shape) < 0.1] = 0
    for part in missing:
        score[:, :, PARTS[part]] = 0
    score[:, list(blank)] = 0
    keypoint = keypoint * (score > 0)[..., None]
    clip = dict(
        keypoint=keypoint.astype(np.float32),
        keypoint_score=score.astype(np.float32),
        total_frames=frames,
        label=3,
        clip_id=2**62 + seed,
        frame_dir=f"clip_{seed}",
        gloss="book",
        signer=7,
        layout="sign49",
        img_shape=(1, 1),
        start_index=0,
    )
    for key in ("keypoint", "keypoint_score"):
        clip[key].flags.writeable = False
    return clip


@pytest.fixture(scope="session")
def make_clip():
    return _make_clip


@pytest.fixture(scope="session")
def part_slices():
    return PARTS


@pytest.fixture(autouse=True)
def seed():
    """Transforms draw from numpy's global generator, which mmengine seeds in each worker."""
    np.random.seed(0)
