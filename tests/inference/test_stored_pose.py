"""Small copies of clips, and the halves of a clip."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.inference.stored_pose import halves, part_clip, restore_pose, store_pose

from toys.dictionary_toys import blank_clip, toy_clip


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 80))
def test_a_copy_keeps_the_joints_of_its_frames(seed, num_frames):
    clip = part_clip(toy_clip(seed, num_frames=num_frames))
    stored = store_pose(clip)
    assert stored.dtype == np.uint8 and stored.shape == (32, 49, 2)
    copy = restore_pose(stored)
    frames = np.linspace(0, num_frames - 1, 32).round().astype(int)
    np.testing.assert_array_equal(copy.score > 0, clip.score[frames] > 0)
    np.testing.assert_allclose(copy.keypoint, clip.keypoint[frames], atol=0.5 / 254 + 1e-6)
    np.testing.assert_array_equal(store_pose(copy), stored)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=40).filter(any))
def test_halves_divide_the_frames_with_hands(shown):
    clip = toy_clip(0, num_frames=len(shown))
    clip.landmarks[~np.array(shown), :42] = 0
    first, second = halves(clip, part_clip(clip))
    counts = [len(part_clip(half).hand_frames) for half in (first, second)]
    if sum(shown) == 1:
        assert counts == [1, 1]
    else:
        joined = np.concatenate([first.landmarks, second.landmarks])
        np.testing.assert_array_equal(joined, clip.landmarks)
        assert counts == [sum(shown) // 2, sum(shown) - sum(shown) // 2]


def test_absent_and_unusable_joints_are_no_hand():
    assert len(part_clip(blank_clip()).hand_frames) == 0
    clip = blank_clip()
    clip.landmarks[1, :21] = [np.nan, 0.5, 1]
    assert len(part_clip(clip).hand_frames) == 0
    clip.landmarks[2, :21] = [0.1, 0.5, 1]
    assert part_clip(clip).hand_frames.tolist() == [2]


@pytest.mark.parametrize("frames", [0, 3])
def test_pixels_are_cropped(frames):
    clip = toy_clip(1, num_frames=frames)._replace(image_size=(640, 480))
    clip = clip._replace(landmarks=clip.landmarks * np.float32([100, 100, 1]))
    parts = part_clip(clip)
    assert parts.keypoint.shape == (frames, 49, 2)
    assert ((parts.keypoint >= 0) & (parts.keypoint <= 1)).all()
