"""What a clip lacks."""

import numpy as np
import pytest

from masa_mm.inference.clip_quality import clip_warnings, hand_frames
from masa_mm.inference.clips import PoseClip


def landmarks(frames=8):
    array = np.full((frames, 49, 3), 100.0, np.float32)
    array[..., 2] = 0.9
    return array


@pytest.mark.parametrize("hand", [slice(0, 21), slice(21, 42)])
@pytest.mark.parametrize(("seen", "is_hand"), [(9, False), (10, True)])
def test_a_hand_in_pixels_needs_ten_visible_joints(hand, seen, is_hand):
    array = landmarks()
    array[:, :42, 2] = 0
    array[3, hand, 2] = 0.39  # not visible
    array[3, hand.start : hand.start + seen, 2] = 0.4
    assert hand_frames(PoseClip("a", array, (640, 480))).tolist() == [
        number == 3 and is_hand for number in range(8)
    ]


def test_part_coordinates_and_damaged_joints():
    array = landmarks()
    array[:, :42, 2] = 0
    array[2, 5, 2] = 0.1
    array[4, 5] = (np.nan, 1, 0.9)
    assert np.flatnonzero(hand_frames(PoseClip("a", array, None))).tolist() == [2]


def test_warnings():
    array = landmarks(10)
    shows_hand = np.arange(10) < 4
    assert clip_warnings(PoseClip("a", array, None), np.ones(10, bool)) == []
    assert clip_warnings(PoseClip("a", array, None), shows_hand) == [
        "no hand in 60 % of the frames"
    ]
    array[:, 42, 2] = 0
    assert clip_warnings(PoseClip("a", array, None), np.ones(10, bool)) == ["no frame shows nose"]
    (text,) = clip_warnings(PoseClip("a", landmarks(301), None), np.ones(301, bool))
    assert "301 frames are long" in text
