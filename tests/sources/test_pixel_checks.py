"""Normalised poses are told from pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.pose.skeleton import BODY, LEFT_HAND, RIGHT_HAND
from masa_mm.sources.base import ClipError
from masa_mm.sources.pixel_checks import MIN_EXTENT, check_pixels

from toys.source_toys import pose

SHOULDERS = [BODY.start + 1, BODY.start + 4]


def refused(keypoint, score):
    try:
        check_pixels(keypoint, score)
    except ClipError as error:
        return str(error)
    return ""


@given(
    frames=st.integers(1, 12),
    seed=st.integers(0, 5),
    scale=st.floats(0.1, 5),
    shift=st.tuples(*[st.floats(-0.25, 2)] * 2),
)
@settings(max_examples=60, deadline=None)
def test_pixels_are_accepted_also_beyond_the_border(frames, seed, scale, shift):
    keypoint, score = pose(frames, seed)
    size = np.ptp(keypoint[score > 0], axis=0)
    assert not refused((keypoint + shift * size) * scale, score)


@given(seed=st.integers(0, 5), width=st.floats(0.5, 500))
@settings(max_examples=40, deadline=None)
def test_shoulders_around_the_origin(seed, width):
    keypoint, score = pose(8, seed)
    keypoint[score == 0] = 0
    left, right = keypoint[:, SHOULDERS].transpose(1, 0, 2)
    keypoint -= ((left + right) / 2).mean(0)
    keypoint *= width / np.linalg.norm(left - right, axis=-1).mean()
    assert "it is normalised" in refused(keypoint, score)


def test_joints_divided_by_the_images_size():
    keypoint, score = pose()
    message = refused(keypoint / (640, 480), score)
    assert message.startswith("it is normalised: all joints lie within 0.")
    # Still more than the extent of a real image of 32 x 24 pixels is accepted.
    assert not refused(keypoint / 20, score)
    assert refused(keypoint / (640 / MIN_EXTENT), score)


@pytest.mark.parametrize("hand", [RIGHT_HAND, LEFT_HAND], ids=lambda hand: hand.name)
def test_a_hand_whose_wrist_never_moves(hand):
    keypoint, score = pose(8)
    joints = keypoint[:, hand.joints]
    joints -= joints[:, :1] - 300
    name = hand.name.replace("_", " ")
    assert f"its {name} is normalised" in refused(keypoint, score)
    # With rounding errors of float32 too, but not if the wrist moves by a pixel.
    rng = np.random.default_rng(0)
    joints[:, 0] += rng.normal(0, 1e-4, (8, 2))
    assert f"its {name} is normalised" in refused(keypoint, score)
    joints[:, 0] += rng.normal(0, 1, (8, 2))
    assert not refused(keypoint, score)


def test_a_hand_that_rests_is_no_normalised_hand():
    keypoint, score = pose(8)
    keypoint[:, RIGHT_HAND.joints] = keypoint[:1, RIGHT_HAND.joints]
    assert not refused(keypoint, score)


def test_nobody_is_left_to_other_checks():
    keypoint, score = pose()
    assert not refused(keypoint * 0, score * 0)
