"""Clips of landmarks and their layouts."""

import numpy as np
import pytest

from masa_mm.errors import UserError
from masa_mm.inference.clips import PoseClip
from masa_mm.pose.crop import select_joints
from masa_mm.pose.skeleton import SOURCE_LAYOUTS

from toys.sign_models import landmarks

# Layouts in which each of the 49 joints has a place of its own.
SEPARATE = [
    name
    for name, layout in SOURCE_LAYOUTS.items()
    if len({i for i in layout.indices if i >= 0}) == sum(i >= 0 for i in layout.indices)
]


@pytest.mark.parametrize("layout", SEPARATE)
def test_another_layout_holds_the_same_sign_joints(layout):
    clip = PoseClip("a", landmarks(5), (640, 480)).in_layout(layout)
    keypoint, score = select_joints(clip.landmarks[..., :2], clip.landmarks[..., 2], layout)
    given = np.array(SOURCE_LAYOUTS[layout].indices) >= 0
    expected = landmarks(5) * given[:, None]
    np.testing.assert_array_equal(np.concatenate([keypoint, score[..., None]], -1), expected)


def test_shared_joints_are_those_of_the_hands():
    clip = PoseClip("a", landmarks(5), (640, 480)).in_layout("mediapipe_hands")
    np.testing.assert_array_equal(clip.landmarks[:, 21:], landmarks(5)[:, :21])
    np.testing.assert_array_equal(clip.landmarks[:, :21], landmarks(5)[:, 21:42])
    with pytest.raises(UserError, match="--layout sign49"):
        PoseClip("a", landmarks(5), None).in_layout("mediapipe_hands")


def test_joints_of_a_layout_alone():
    whole = landmarks(5)
    clip = PoseClip("a", whole, (640, 480)).with_joints_of("mediapipe_hands")
    assert clip.layout == "sign49"
    np.testing.assert_array_equal(clip.landmarks[:, :42], whole[:, :42])
    np.testing.assert_array_equal(clip.landmarks[:, [48, 45]], whole[:, [0, 21]])  # the wrists
    assert not clip.landmarks[:, [42, 43, 44, 46, 47]].any()
    # In part coordinates a hand's wrist is not the body's.
    parts = PoseClip("a", whole, None).with_joints_of("mediapipe_hands").landmarks
    np.testing.assert_array_equal(parts[:, [48, 45]], whole[:, [48, 45]])
    assert not parts[:, [42, 43, 44, 46, 47]].any()


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(landmarks=landmarks(5, num_joints=48)), r"are \[frames, 49, 3\]"),
        (dict(landmarks=landmarks(5)[..., :2]), r"got \[5, 49, 2\]"),
        (dict(landmarks=landmarks(5).astype(str)), "are numbers"),
        (dict(image_size=(0, 480)), "above 0"),
        (dict(image_size=(float("nan"), 480)), "above 0"),
        (dict(layout="sign50"), "no joint layout"),
    ],
)
def test_wrong_clips_are_refused_by_name(changes, message):
    clip = PoseClip("my clip", landmarks(5), (640, 480))._replace(**changes)
    with pytest.raises(UserError, match=message):
        clip.in_layout("sign49")
