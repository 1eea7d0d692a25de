"""The descriptor of a clip; close pairs against loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.preparation.audit import descriptor as near

from toys.audit_toys import clips_of, faster, framed, padded, smooth_clip

HANDS = slice(0, 42)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.floats(0.05, 1.0))
def test_pairs_against_loops(seed, size, up_to):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(size, 3))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near, "_BLOCK", 4)
        found = {
            (i, j): d
            for block in near.close_pairs(rows, up_to)
            for i, j, d in zip(*(values.tolist() for values in block))
        }
    exact = {
        (i, j): np.linalg.norm(rows[i].astype(float) - rows[j])
        for i in range(size)
        for j in range(i + 1, size)
    }
    for pair, distance in exact.items():
        if abs(distance - up_to) > 1e-3:
            assert (pair in found) == (distance < up_to)
    for pair, distance in found.items():
        assert distance == pytest.approx(exact[pair], abs=1e-3)


@pytest.mark.parametrize("count", [0, 3, 10_000])
def test_the_closest_pairs_are_returned_and_all_are_counted(count, monkeypatch):
    monkeypatch.setattr(near, "_BLOCK", 4)
    rows = np.random.default_rng(0).normal(size=(30, 3))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    blocks = [np.stack(block, 1) for block in near.close_pairs(rows, 0.8)]
    every = np.concatenate(blocks)
    expected = every[every[:, 2].argsort()][:count, :2]
    pairs, total = near.closest_pairs(rows, 0.8, count)
    assert total == len(every) > 20
    assert sorted(map(tuple, pairs.tolist())) == sorted(map(tuple, expected.tolist()))


def distances(tmp_path, *clips):
    """Distances of the first clip to the others."""
    opened = clips_of(tmp_path, dict(clips=clips))
    descriptor = near.describe_clips(opened).astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(descriptor, axis=1), 1, rtol=1e-5)
    return np.linalg.norm(descriptor[1:] - descriptor[0], axis=1)


def test_rate_framing_and_empty_ends_do_not_matter(tmp_path):
    clip = smooth_clip(0, 40)
    changed = (
        *(faster(clip, 29), faster(clip, 80), framed(clip, 0.5, 0.3), padded(clip, 7, 3)),
        framed(faster(padded(clip, 0, 5), 90), 1.3, -0.1),
    )
    found = distances(tmp_path, clip, *changed[:4])
    assert (found < 0.03).all()
    others = distances(tmp_path, clip, *(smooth_clip(seed, 40) for seed in range(1, 6)))
    assert (others > 0.5).all()


def test_other_hands_another_way_and_another_order_matter(tmp_path):
    keypoint, score = smooth_clip(0, 40)
    other_hand, other_way = keypoint.copy(), keypoint.copy()
    other_hand[:, :21] = smooth_clip(1, 40)[0][:, :21]
    other_way[:, 42:] = smooth_clip(1, 40)[0][:, 42:]
    one_handed = score.copy()
    one_handed[:, 21:42] = 0
    found = distances(
        tmp_path,
        (keypoint, score),
        (other_hand, score),
        (other_way, score),
        (keypoint[::-1], score),
        (keypoint * (one_handed[..., None] > 0), one_handed),
    )
    assert (found > 0.3).all()
