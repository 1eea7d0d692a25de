"""What remains between aligned clips: re-encoded ones, noise, and other takes of a motion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from masa_mm.preparation.audit import alignment

from toys.audit_toys import clips_of, faster, framed, padded, smooth_clip

HANDS = slice(0, 42)


def remains(tmp_path, *clips):
    """Compare the first clip with each of the others."""
    opened = clips_of(tmp_path, dict(clips=clips))
    return alignment.compare_pairs(opened, np.array([[0, n] for n in range(1, len(clips))]))


def radii(keypoint):
    """Root mean square distance of each hand from its mean [T, 2, 1, 1], by loops."""
    found = np.zeros((len(keypoint), 2, 1, 1))
    for t, frame in enumerate(keypoint):
        for hand in range(2):
            joints = frame[21 * hand : 21 * (hand + 1)]
            distances = [np.sum((joint - joints.mean(0)) ** 2) for joint in joints]
            found[t, hand] = np.sqrt(np.mean(distances))
    return found


def with_hands_moved(clip, by):
    """Move the joints of the hands by offsets [T, 2, 21, 2] in hand radii."""
    keypoint = clip[0].copy()
    keypoint[:, HANDS] += (by * radii(clip[0])).reshape(len(keypoint), 42, 2)
    return keypoint, clip[1]


def test_re_encoded_clips_hardly_differ(tmp_path):
    clip = smooth_clip(0, 60)
    found = remains(
        tmp_path,
        clip,
        clip,
        faster(clip, 50),
        faster(clip, 90),
        framed(clip, 0.5, 0.3),
        padded(clip, 7, 3),
        tuple(array[9:-4] for array in clip),
        tuple(array[6:-9] for array in faster(clip, 75)),
    )
    assert (found.hands < 0.01).all() and (found.body < 0.02).all()
    assert (found.slow <= found.hands).all() and (found.share > 0.75).all()


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 999),
    frames=st.integers(50, 100),
    start=st.integers(0, 5),
    end=st.integers(0, 5),
)
def test_any_rate_and_trim_are_found(tmp_path_factory, seed, frames, start, end):
    clip = smooth_clip(seed, 70)
    other = tuple(array[start : frames - end] for array in faster(clip, frames))
    found = remains(tmp_path_factory.mktemp("rate"), clip, other)
    assert found.hands < 0.01 and found.share > 0.7


def test_repeated_and_dropped_frames_are_no_difference(tmp_path):
    clip = smooth_clip(1, 60)
    repeated = tuple(array[(np.arange(72) * 5) // 6] for array in clip)
    dropped = tuple(array[np.arange(60) % 6 != 2] for array in clip)
    assert (remains(tmp_path, clip, repeated, dropped).hands < 0.02).all()


def test_noise_is_not_slow_and_another_hand_shape_is(tmp_path):
    clip = smooth_clip(2, 80)
    white = np.random.default_rng(0).normal(size=(80, 2, 21, 2)) / 2**0.5
    slow = gaussian_filter1d(white, 5, axis=0)
    slow /= slow.std() * 2**0.5
    found = remains(
        tmp_path, clip, with_hands_moved(clip, 0.05 * white), with_hands_moved(clip, 0.05 * slow)
    )
    # Interpolation halfway between two frames removes up to 30 % of the noise, and correlates it.
    assert 0.033 < found.hands[0] < 0.052 and 0.04 < found.hands[1] < 0.052
    assert found.slow[0] < 0.75 * found.hands[0] and found.slow[1] > 0.9 * found.hands[1]


def test_single_bad_frames_do_not_hide_that_the_rest_is_slow(tmp_path):
    clip = smooth_clip(2, 80)
    rng = np.random.default_rng(0)
    slow = gaussian_filter1d(rng.normal(size=(80, 2, 21, 2)), 5, axis=0)
    slow *= 0.05 / slow.std()
    slow[::10] += rng.normal(size=(8, 2, 21, 2))
    assert remains(tmp_path, clip, with_hands_moved(clip, slow)).slow > 0.03


def test_motion_is_the_median_difference_from_the_mean_shape(tmp_path):
    clip, still = smooth_clip(2, 61), smooth_clip(2, 61)
    still[0][:] = still[0][:1]
    hands = clip[0][:, HANDS].reshape(61, 2, 21, 2)
    hands = (hands - hands.mean(2, keepdims=True)) / radii(clip[0])
    expected = np.sqrt(((hands - hands.mean(0)) ** 2).sum(-1).mean(-1))
    found = remains(tmp_path, clip, clip, still)
    assert found.motion[0] == pytest.approx(np.median(expected), rel=1e-3)
    assert remains(tmp_path, still, still).motion < 1e-5


def test_another_motion_of_the_body_shows(tmp_path):
    clip = smooth_clip(0, 60)
    keypoint = clip[0].copy()
    keypoint[:, 42:] = smooth_clip(1, 60)[0][:, 42:]
    found = remains(tmp_path, clip, (keypoint, clip[1]))
    assert found.hands < 0.001 and found.body > 0.3


def test_the_joints_that_both_have_are_compared(tmp_path):
    keypoint, score = smooth_clip(0, 60)
    fewer, none = score.copy(), score.copy()
    fewer[:, [3, 4, 8, 30]], none[:, HANDS] = 0, 0
    none[0, 0] = 0.9  # a clip needs a visible joint
    found = remains(
        tmp_path,
        (keypoint, score),
        (keypoint * (fewer > 0)[..., None], fewer),
        (keypoint * (none > 0)[..., None], none),
    )
    assert found.hands[0] < 0.001 and found.share[0] == 1
    assert np.isinf(found.hands[1]) and found.num_hands[1] == 0


def test_neither_order_nor_batches_matter(tmp_path, monkeypatch):
    clips = [smooth_clip(0, 40), faster(smooth_clip(0, 40), 47), smooth_clip(0, 43)]
    opened = clips_of(tmp_path, dict(clips=clips))
    pairs = np.array([[0, 1], [0, 2], [1, 2], [2, 0]])
    together = alignment.compare_pairs(opened, pairs)
    monkeypatch.setattr(alignment, "_BATCH_FRAMES", 100)
    apart = alignment.compare_pairs(opened, pairs[:, ::-1])
    for one, other in zip(together, apart):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_no_pairs_and_nan(tmp_path):
    opened = clips_of(tmp_path, dict(clips=[smooth_clip(0, 40), smooth_clip(0, 40)]))
    assert all(
        len(values) == 0 for values in alignment.compare_pairs(opened, np.zeros((0, 2), int))
    )
    store = opened.stores[0]
    store.keypoint = store.keypoint[:].copy()
    store.keypoint[5, 3], store.keypoint[9, 8] = np.nan, np.inf
    found = alignment.compare_pairs(opened, np.array([[0, 1]]))
    assert found.hands < 0.001 and np.isfinite(found.slow).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.floats(-5, 5)), max_size=30))
def test_medians_of_pairs(rows):
    pair = np.array([row[0] for row in rows], int)
    values = np.array([row[1] for row in rows], float)
    found = alignment._median(values, pair, 4)
    for number in range(4):
        own = values[pair == number]
        assert found[number] == (pytest.approx(np.median(own)) if len(own) else np.inf)
