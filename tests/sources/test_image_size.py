"""Image sizes that are guessed from the joints."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masa_mm.sources.base import ClipError
from masa_mm.sources.image_size import ImageSizes, guess_size

JOINTS = np.array([[100, 50], [300, 200], [220, 460]], np.float32)


def test_the_signer_is_in_the_middle_and_reaches_the_lower_border():
    assert guess_size(JOINTS) == (460, 400)
    assert guess_size(np.concatenate([JOINTS, [[np.nan, 900]]])) == (460, 400)
    assert guess_size(np.concatenate([JOINTS, [[-80, 90]]])) == (460, 300)


@given(st.integers(100, 3000), st.integers(100, 3000), st.integers(0, 2**32 - 1))
def test_joints_of_a_centred_signer_give_the_image(width, height, seed):
    points = np.random.default_rng(seed).uniform(0, 1, (50, 2)) * [width, height]
    mirrored = np.concatenate([points, [width, 0] + points * [-1, 1], [[width / 2, height]]])
    assert guess_size(mirrored) == (height, width)


def test_normalised_joints_are_not_taken_for_pixels():
    with pytest.raises(ClipError, match=r"reach 1\.15, so they are not in pixels; give pixels"):
        guess_size(JOINTS / 400)


def test_known_sizes_come_first():
    sizes = ImageSizes((480, 640))
    assert sizes.choose((10, 20), JOINTS, False) == ((10, 20), False)
    assert sizes.choose(None, JOINTS, True) == ((480, 640), False)
    assert sizes.notes() == []


def test_each_kind_of_guess_is_noted_once():
    sizes = ImageSizes(None)
    for _ in range(3):
        assert sizes.choose(None, JOINTS, False) == ((460, 400), True)
    assert sizes.choose(None, JOINTS / 500, True) == ((1, 1), True)
    in_pixels, normalized = sizes.notes()
    assert in_pixels.startswith("the image size of 3 clips is not known, so the extent of")
    assert "about 5 to 10 % of the image" in in_pixels
    assert normalized.startswith("the image size of 1 clips is not known, so their images count")
    assert all("give --img-size WIDTH HEIGHT" in note for note in (in_pixels, normalized))


def test_a_clip_without_joints_has_nothing_to_scale():
    assert guess_size(JOINTS[:0]) == (1, 1)
