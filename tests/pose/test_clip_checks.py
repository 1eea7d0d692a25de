"""clip_problems against a loop over clips. Each check's message: test_store.py."""

import numpy as np
import pytest

from masa_mm.pose.clip_checks import clip_problems


def loop(keypoint, score, num_frames, ids, label, num_classes, part_coordinates):
    bad, start, seen = [], 0, set()
    for frames, name, own in zip(num_frames, ids, label):
        xy, seen_joint = keypoint[start : start + frames], score[start : start + frames] > 0
        start += frames
        body = np.abs(xy[:, 42:])
        bad.append(
            frames == 0
            or not np.isfinite(xy).all()
            or (score[start - frames : start] < 0).any()
            or not seen_joint[:, :42].any()
            or not -1 <= own < num_classes
            or name in seen
            or (part_coordinates and (body > 10).any())
            or (
                part_coordinates
                and seen_joint[:, 42:].any()
                and not (seen_joint[:, 42:] & (body.max(2) >= 0.01)).any()
            )
        )
        seen.add(name)
    return bad


@pytest.mark.parametrize("part_coordinates", [True, False])
@pytest.mark.parametrize("seed", range(30))
def test_equals_a_loop(seed, part_coordinates):
    rng = np.random.default_rng(seed)
    num_frames = rng.integers(0, 4, 12)
    frames = int(num_frames.sum())
    keypoint = rng.random((frames, 49, 2)) * rng.choice([1, 1, 0.001, 30], (frames, 1, 1))
    score = rng.random((frames, 49)) * rng.choice([1, 1, 0], (frames, 1))
    for values, bad in ((keypoint, np.nan), (score, -1)):
        values[rng.random(frames) < 0.1, 3] = bad
    ids = [f"clip{n}" for n in rng.integers(0, 40, 12)]
    label = rng.integers(-2, 9, 12)
    arguments = keypoint, score, num_frames, ids, label, 8, part_coordinates
    mask, bad = clip_problems(*arguments)
    assert mask.tolist() == loop(*arguments)
    assert [clip.id for clip in bad] == [ids[n] for n in np.flatnonzero(mask)]


def test_ids_of_earlier_clips_are_taken():
    keypoint, score = np.full((2, 49, 2), 0.5), np.ones((2, 49))
    mask, _ = clip_problems(
        keypoint, score, np.ones(2, int), ["a", "b"], np.zeros(2, int), 1, earlier={"b"}
    )
    assert mask.tolist() == [False, True]
