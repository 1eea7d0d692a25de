"""Divisions by signer and by clip keep their promises for any counts of clips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masa_mm.preparation.new_dataset.split import (
    PARTS,
    TEST,
    TRAIN,
    VAL,
    divide_clips,
    divide_signers,
)

labels = st.lists(st.integers(0, 5), min_size=1, max_size=60).map(np.array)


@given(labels, st.integers(0, 3))
def test_every_class_keeps_train_clips_by_clip(label, seed):
    part = divide_clips(label, seed)
    for number in np.unique(label):
        of_class = part[label == number]
        assert (of_class == TRAIN).any()
        assert (of_class == VAL).any() == (len(of_class) > 1)
        assert (of_class == TEST).any() == (len(of_class) > 3)
    np.testing.assert_array_equal(part, divide_clips(label, seed))


@pytest.mark.parametrize(
    ("clips", "expected"), [(30, (20, 5, 5)), (20, (14, 3, 3)), (10, (6, 2, 2)), (4, (2, 1, 1))]
)
def test_shares_of_a_class(clips, expected):
    part = divide_clips(np.zeros(clips, int))
    assert tuple((part == number).sum() for number in range(len(PARTS))) == expected


@given(st.data())
def test_no_signer_is_in_two_parts_and_every_class_keeps_train_clips(data):
    label = data.draw(labels.filter(lambda label: len(label) > 1))
    signer = data.draw(
        st.lists(st.sampled_from("abcdefg"), min_size=len(label), max_size=len(label)).filter(
            lambda names: len(set(names)) > 1
        )
    )
    part = divide_signers(label, signer, 0)
    for name in set(signer):
        assert len(set(part[np.array(signer) == name].tolist())) == 1
    assert set(label[part == TRAIN]) == set(label)
    if len(set(signer)) < 4:
        assert not (part == TEST).any()


def test_signers_of_equal_size_come_near_the_shares():
    """20 signers of 10 classes: 14 train, 3 val, 3 test."""
    label, signer = np.tile(np.arange(10), 20), np.repeat([f"s{i}" for i in range(20)], 10)
    part = divide_signers(label, signer, 0)
    assert [(part == number).sum() for number in range(3)] == [140, 30, 30]
    assert (divide_signers(label, signer, 1) != part).any()


@pytest.mark.parametrize(("signers", "expected"), [(2, (1, 1, 0)), (3, (2, 1, 0)), (4, (2, 1, 1))])
def test_few_signers(signers, expected):
    label, signer = np.tile([0, 1], signers), np.repeat([f"s{i}" for i in range(signers)], 2)
    part = divide_signers(label, signer, 0)
    assert tuple((part == number).sum() // 2 for number in range(3)) == expected


def test_a_signer_with_most_clips_trains():
    signer = ["a"] * 80 + ["b"] * 10 + ["c"] * 10
    part = divide_signers(np.arange(100) % 2, signer, 0)
    assert (part[:80] == TRAIN).all() and (part == VAL).sum() in (10, 20)


def test_signers_who_alone_know_a_sign_train():
    """Each sign has one signer, so nothing can be held out."""
    assert (divide_signers(np.array([0, 0, 1, 1]), ["a", "a", "b", "b"], 0) == TRAIN).all()
