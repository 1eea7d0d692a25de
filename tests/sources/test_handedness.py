"""Handedness of detected hands: the cheapest assignment, consistent over the clip."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.sources.handedness import CHANGE_COST, SIDE_COST, must_swap

from toys.paths import SHARED

DATA = SHARED / "data" / "wlasl_hands"


def hands_at(places, size=0.1):
    """Hands of one shape at wrists [T, 2, 2]; NaN = absent. Returns them and which are there."""
    shape = np.random.default_rng(0).uniform(-0.5, 0.5, (21, 2)) * size
    shape[0] = 0
    hands = np.asarray(places, float)[:, :, None] + shape
    return hands, np.isfinite(hands).all((2, 3))


def cost(swap, hands, present, middle):
    """The rule's words, frame by frame, of one naming."""
    seen = np.flatnonzero(present.any(1))
    size = np.mean([np.ptp(h, axis=0).max() for h in hands[present]])
    total, before = 0.0, None
    for t in seen:
        order = [1, 0] if swap[t] else [0, 1]
        wrist = [hands[t, i, 0] / size if present[t, i] else None for i in order]  # right, left
        if wrist[0] is not None and wrist[1] is not None:
            total += SIDE_COST * max(wrist[0][0] - wrist[1][0], 0)
        elif wrist[0] is not None:
            total += SIDE_COST * max(wrist[0][0] - middle / size, 0)
        else:
            total += SIDE_COST * max(middle / size - wrist[1][0], 0)
        for now, then in zip(wrist, before or []):
            if now is not None and then is not None:
                total += np.hypot(*(now - then))
            elif (now is None) != (then is None):
                total += CHANGE_COST
        before = wrist
    return total


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 7), st.floats(0, 1))
def test_no_other_naming_is_cheaper(seed, frames, share):
    rng = np.random.default_rng(seed)
    places = rng.random((frames, 2, 2))
    places[rng.random((frames, 2)) > share] = np.nan
    hands, present = hands_at(places)
    swap = must_swap(hands, present, 0.5)
    assert not swap[~present.any(1)].any()
    if present.any():
        best = min(cost(other, hands, present, 0.5) for other in product([0, 1], repeat=frames))
        assert cost(swap, hands, present, 0.5) == pytest.approx(best)


def test_crossing_hands_keep_their_sides_and_shuffling_does_not_matter():
    t = np.linspace(0, 1, 40)
    right = np.stack([0.3 + 0.3 * np.sin(2 * np.pi * t) ** 2, 0.5 + 0 * t], axis=-1)
    left = np.stack([0.7 - 0.3 * np.sin(2 * np.pi * t) ** 2, 0.7 + 0 * t], axis=-1)
    flip = np.random.default_rng(0).random(40) < 0.5
    both = np.where(flip[:, None, None], np.stack([left, right], 1), np.stack([right, left], 1))
    assert (right[:, 0] > left[:, 0]).any()  # they do cross
    np.testing.assert_array_equal(must_swap(*hands_at(both), 0.5), flip)


def test_a_lone_hand_keeps_its_side_beyond_the_middle():
    x = np.linspace(0.25, 0.6, 30)
    places = np.full((30, 2, 2), np.nan)
    slot = np.arange(30) % 2
    places[np.arange(30), slot] = np.stack([x, 0 * x + 0.5], axis=-1)
    swap = must_swap(*hands_at(places), 0.5)
    np.testing.assert_array_equal(swap, slot == 1)  # the right hand throughout


def test_no_hands_at_all_are_nothing_to_exchange():
    hands, present = hands_at(np.full((3, 2, 2), np.nan))
    assert not must_swap(hands, present, 0.5).any()


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
def test_real_hands_get_the_sides_that_a_chirality_model_gave_them():
    arrays = np.load(DATA / "wlasl_hands_val.npz")
    keypoint, ends = arrays["keypoint"], arrays["num_frames"].cumsum()
    rng = np.random.default_rng(0)
    right, frames = 0, 0
    for start, stop in zip(ends[:300] - arrays["num_frames"][:300], ends[:300]):
        clip = keypoint[start:stop].reshape(-1, 2, 21, 2)  # left, right
        present = (clip != -32768).all((2, 3))
        flip = rng.random(len(clip)) < 0.5
        hands = np.where(flip[:, None, None, None], clip[:, ::-1], clip) / 1e4
        there = np.where(flip[:, None], present[:, ::-1], present)
        swap, seen = must_swap(hands, there, 0.5), present.any(1)
        right, frames = right + (swap == ~flip)[seen].sum(), frames + seen.sum()
    assert right / frames > 0.9
