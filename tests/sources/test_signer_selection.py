"""Selection of the signer among several persons, followed through gaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.sources.base import ClipError
from masa_mm.sources.signer_selection import choose_signer, signer_clip


def person(x, size, frames, score=0.9, seed=0):
    """A person of 10 joints around (x, 200), walking a little [T, 10, 2], and scores."""
    rng = np.random.default_rng(seed)
    joints = rng.uniform(-0.5, 0.5, (10, 2)) * size + [x, 200]
    return joints + rng.normal(0, 1, (frames, 1, 2)), np.full((frames, 10), score)


def together(*persons, present=None, seed=0):
    """Persons in one list a frame, shuffled; returns the list, its scores, counts, who is who."""
    rng = np.random.default_rng(seed)
    frames = len(persons[0][0])
    present = np.ones((len(persons), frames), bool) if present is None else present
    joints, scores, counts, who = [], [], [], []
    for t in range(frames):
        here = [p for p in rng.permutation(len(persons)) if present[p, t]]
        joints += [persons[p][0][t] for p in here]
        scores += [persons[p][1][t] for p in here]
        counts.append(len(here))
        who += here
    return np.array(joints), np.array(scores), np.array(counts), np.array(who)


def chosen(joints, scores, counts, who, track=None):
    rows = choose_signer(joints, scores, counts, track)
    return [int(who[row]) if row >= 0 else None for row in rows]


def test_the_larger_person_is_the_signer_in_whatever_order_they_come():
    clip = together(person(100, 60, 12), person(400, 150, 12))
    assert chosen(*clip) == [1] * 12


def test_of_two_of_one_size_the_clearer_one_is_the_signer():
    clip = together(person(100, 100, 6, 0.9), person(400, 100, 6, 0.5))
    assert chosen(*clip) == [0] * 6


def test_a_large_passer_by_does_not_take_over():
    present = np.ones((2, 20), bool)
    present[1, 3:] = False  # twice as large, three frames long
    clip = together(person(100, 100, 20), person(400, 200, 20), present=present)
    assert chosen(*clip) == [0] * 20


def test_the_signer_is_found_again_after_a_loss_and_nobody_stands_in():
    present = np.ones((2, 12), bool)
    present[0, 4:7] = False
    clip = together(person(100, 150, 12), person(500, 60, 12), present=present)
    assert chosen(*clip) == [0] * 4 + [None] * 3 + [0] * 5


def test_the_sources_own_tracks_count_where_it_has_some():
    joints, scores, counts, who = together(person(100, 60, 6), person(400, 150, 6))
    # One track is wrong about who is who in frame 2: that is the source's word.
    track = np.where(np.repeat(np.arange(6), counts) == 2, 1 - who, who)
    assert chosen(joints, scores, counts, who, track) == [1, 1, 0, 1, 1, 1]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 15), st.integers(1, 4))
def test_one_row_a_frame_at_most_and_of_that_frame(seed, frames, most):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, most + 1, frames)
    joints = rng.uniform(0, 500, (counts.sum(), 8, 2))
    scores = rng.random((counts.sum(), 8)) * (rng.random((counts.sum(), 8)) < 0.8)
    rows = choose_signer(joints, scores, counts)
    frame = np.repeat(np.arange(frames), counts)
    assert rows.shape == (frames,)
    for t, row in enumerate(rows):
        assert row == -1 or frame[row] == t
    if most == 1:
        assert ((rows >= 0) == (counts == 1)).all()
    elif counts.max() > 0:
        assert (rows >= 0).any()


def test_frames_without_the_signer_are_absent():
    joints, scores = person(100, 50, 2)
    keypoint, score = signer_clip(joints, scores, np.array([1, 0, 1]))
    np.testing.assert_array_equal(keypoint[[0, 2]], joints)
    assert not keypoint[1].any() and not score[1].any()


def test_nobody_at_all_is_an_error():
    with pytest.raises(ClipError, match="nobody in any frame"):
        signer_clip(np.zeros((0, 5, 2)), np.zeros((0, 5)), np.array([0, 0]))
