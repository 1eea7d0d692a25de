"""Dynamic time warping against a plain loop, and what the poses' description ignores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.evaluation.time_warping import pose_sequence, warping_distances


def by_loop(query, example, band):
    length = len(query)
    total = np.full((length + 1, length + 1), np.inf)
    total[0, 0] = 0
    for i in range(length):
        for j in range(length):
            if abs(i - j) <= band:
                best = min(total[i, j], total[i, j + 1], total[i + 1, j])
                total[i + 1, j + 1] = np.linalg.norm(query[i] - example[j]) + best
    return total[-1, -1]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999), st.integers(1, 9), st.integers(0, 9), st.integers(0, 5))
def test_distances_equal_a_plain_loop(seed, length, band, num_examples):
    rng = np.random.default_rng(seed)
    queries, examples = (rng.normal(size=(n, length, 3)) for n in (2, num_examples))
    expected = [[by_loop(query, example, band) for example in examples] for query in queries]
    found = warping_distances(queries, examples, band)
    np.testing.assert_allclose(found, np.reshape(expected, found.shape), rtol=1e-4, atol=2e-3)


def test_a_slower_clip_is_near():
    time = np.linspace(0, 1, 32)
    fast, slow = (np.stack([np.sin(6 * t), np.cos(6 * t)], -1) for t in (time, time**1.3))
    warped = warping_distances(fast[None], slow[None])[0, 0]
    assert warped < 0.3 * np.linalg.norm(fast - slow, axis=1).sum()
    assert warping_distances(fast[None], fast[None])[0, 0] == pytest.approx(0, abs=0.05)


def test_size_and_place_of_a_hand_in_its_crop_do_not_matter():
    rng = np.random.default_rng(0)
    keypoint, score = rng.random((20, 49, 2)), np.ones((20, 49))
    score[3:9, :21] = 0
    changed = keypoint.copy()
    changed[:, :42] = 0.5 * changed[:, :42] + 0.2
    one, other = pose_sequence(keypoint, score), pose_sequence(changed, score)
    assert one.shape == (32, 88)
    np.testing.assert_allclose(one, other, atol=1e-5)
    changed[:, 45] += 0.1
    assert not np.allclose(one, pose_sequence(changed, score), atol=1e-3)


def test_frames_without_hands_do_not_count():
    rng = np.random.default_rng(0)
    keypoint, score = rng.random((20, 49, 2)), np.ones((20, 49))
    longer = np.concatenate([keypoint, keypoint])
    without = np.concatenate([score, np.zeros_like(score)])
    np.testing.assert_array_equal(pose_sequence(keypoint, score), pose_sequence(longer, without))
