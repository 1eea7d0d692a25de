"""How the parts are chosen, and what the user is told."""

import numpy as np
import pytest

from masa_mm.preparation.new_dataset.clips import NewDatasetError
from masa_mm.preparation.new_dataset.division import divide, division_lines
from masa_mm.preparation.new_dataset.split import TRAIN, VAL

from toys.own_signs import labelled


def told(clips):
    return "\n".join(division_lines(clips, divide(clips)))


def test_known_signers_are_not_in_two_parts():
    clips = labelled([10, 10], signer=[f"s{i % 5}" for i in range(20)])
    text = told(clips)
    assert "by signer; none of the 5 signers is in two parts" in text
    assert "train: 12 clips, 2 signs, 3 signers" in text and "test: 4 clips" in text


@pytest.mark.parametrize(
    ("signer", "reason"),
    [
        ([""] * 20, "the signers of 20 of 20 clips are not known"),
        (["a", ""] * 10, "the signers of 10 of 20 clips are not known"),
        (["a"] * 20, "all clips are by one signer"),
        (["a"] * 10 + ["b"] * 10, "by signer, a sign would have no train clip"),
    ],
)
def test_a_division_by_clip_says_why_and_that_it_flatters(signer, reason):
    text = told(labelled([10, 10], signer))
    assert f"by clip, since {reason}" in text and "less accuracy on other persons" in text
    assert "train: 12 clips, 2 signs" in text


def test_given_parts_are_kept():
    split = ["train", "val", "train", "test", "train"]
    division = divide(labelled([3, 2], split=split))
    np.testing.assert_array_equal(division.part, [0, 1, 0, 2, 0])
    assert "parts: as given" in division.reasons


def test_given_parts_that_share_signers_say_so():
    """Of val, clip 1 is by a signer of train, clip 2 by another, clip 4 by somebody unknown."""
    split = ["train", "val", "val", "train", "val"]
    text = told(labelled([3, 2], ["Ann", "Ann", "Cy", "Bob", ""], split))
    assert "train: 2 clips, 2 signs, 2 signers\n" in text
    assert "val: 3 clips, 2 signs, 2 signers (1 clip by signers of train)" in text


def test_clips_of_one_part_are_divided():
    text = told(labelled([10, 10], split=["train"] * 20))
    assert "by clip, since" in text and "train: 12 clips" in text


def test_signs_that_a_part_lacks_are_named():
    text = told(labelled([4, 2, 1]))
    assert "val: 2 clips, 2 signs\n    without 1 sign: sign2" in text
    assert "test: 1 clip, 1 sign\n    without 2 signs: sign1, sign2" in text


def test_signs_that_cannot_be_learnt_are_refused():
    clips = labelled([2, 2], split=["train", "val", "val", "val"])
    with pytest.raises(NewDatasetError, match="no train clip of 1 sign, the first is 'sign1'"):
        divide(clips)


def test_one_sign_is_refused():
    with pytest.raises(
        NewDatasetError, match="two signs or more are needed, the clips have 'sign0'"
    ):
        divide(labelled([4]))


def test_single_takes_leave_nothing_to_test_on():
    with pytest.raises(NewDatasetError, match="no clips are left to test on; record more takes"):
        divide(labelled([1, 1]))


def test_the_seed_changes_the_draw():
    clips = labelled([10, 10])
    first, again, other = (divide(clips, seed).part for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() and set(first) == {TRAIN, VAL, 2}
