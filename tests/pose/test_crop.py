"""Part crops against a plain loop over frames, in float64, written from the rules' text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.errors import UserError
from masa_mm.pose.crop import VISIBLE_THR, crop_parts, rescale_scores, select_joints
from masa_mm.pose.skeleton import SIGN49_JOINTS, SOURCE_LAYOUTS

from toys.crop_loop import loop_crop


@st.composite
def poses(draw):
    """Clips with hands anywhere (also across the border), of any size, with missing joints."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    frames = draw(st.integers(0, 6))
    size = draw(st.sampled_from([(480, 640), (720, 405), (1, 1), (1, 1.5)]))
    span = np.array(size[::-1])
    centers = rng.uniform(-0.1, 1.1, (frames, 3, 1, 2)) * span
    spread = draw(st.sampled_from([0.0, 0.003, 0.1, 0.4])) * max(size)
    keypoint = np.concatenate(
        [
            centers[:, 0] + rng.uniform(-spread, spread, (frames, 21, 2)),
            centers[:, 1] + rng.uniform(-spread, spread, (frames, 21, 2)),
            centers[:, 2] + rng.uniform(-0.3, 0.3, (frames, 7, 2)) * span,
        ],
        axis=1,
    ).astype(np.float32)
    score = rng.uniform(0, 1, (frames, 49)) * (rng.random((frames, 49)) < rng.random((frames, 1)))
    return keypoint, score.astype(np.float32), size


@settings(max_examples=150, deadline=None)
@given(
    poses(),
    st.sampled_from(["absent", "elbow_wrist"]),
    st.integers(1, 21),
    st.sampled_from([0.0, 0.4]),
    st.sampled_from([1.0, 2.2]),
)
def test_equals_the_loop(pose, fallback, min_visible, visible_thr, box_scale):
    keypoint, score, size = pose
    options = dict(
        fallback=fallback, min_visible=min_visible, visible_thr=visible_thr, box_scale=box_scale
    )
    before = keypoint.copy(), score.copy()
    got, got_score = crop_parts(keypoint, score, size, **options)
    want, want_score = loop_crop(keypoint, score, size, **options)
    np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-4)
    np.testing.assert_array_equal(got_score, want_score.astype(np.float32))
    assert got.dtype == got_score.dtype == np.float32
    np.testing.assert_array_equal(keypoint, before[0])
    np.testing.assert_array_equal(score, before[1])


@settings(max_examples=60, deadline=None)
@given(poses())
def test_visible_hand_joints_fall_into_the_crop(pose):
    keypoint, score, size = pose
    got, got_score = crop_parts(keypoint, score, size)
    inside = got[:, :42][got_score[:, :42] >= 0.4]
    assert (inside > -1e-4).all() and (inside < 1 + 1e-4).all()


@settings(max_examples=40, deadline=None)
@given(poses(), st.floats(0.25, 8))
def test_the_images_resolution_does_not_matter(pose, factor):
    keypoint, score, size = pose
    small, _ = crop_parts(keypoint, score, size, fallback="elbow_wrist")
    large, _ = crop_parts(
        keypoint * np.float32(factor),
        score,
        [side * factor for side in size],
        fallback="elbow_wrist",
    )
    np.testing.assert_allclose(small, large, rtol=1e-3, atol=1e-3)


def test_one_image_size_a_frame_is_each_frames_own():
    rng = np.random.default_rng(0)
    keypoint, score = rng.uniform(0, 300, (3, 49, 2)), np.ones((3, 49))
    sizes = np.array([[300, 300], [480, 640], [1080, 1920]])
    together, _ = crop_parts(keypoint, score, sizes)
    for t, size in enumerate(sizes):
        alone, _ = crop_parts(keypoint[t : t + 1], score[t : t + 1], size)
        np.testing.assert_array_equal(together[t], alone[0])


def square_hand(center, half):
    """21 joints whose extent is a square around a centre."""
    corners = np.array([[-1, -1], [1, 1], [-1, 1], [1, -1]])
    return np.asarray(center) + half * corners[np.arange(21) % 4]


def one_frame(right=None, left=None):
    keypoint, score = np.zeros((1, 49, 2)), np.zeros((1, 49))
    for joints, hand in ((slice(0, 21), right), (slice(21, 42), left)):
        if hand is not None:
            keypoint[0, joints], score[0, joints] = hand, 1
    return keypoint, score


def test_by_hand_in_the_middle_of_the_image():
    keypoint, score = one_frame(right=square_hand((300, 200), 50))
    got, _ = crop_parts(keypoint, score, (480, 640))
    # Extent 100, side 220, so the joints lie 60 and 160 of 220 from the box's edge.
    assert got[0, 0] == pytest.approx([60 / 220, 60 / 220])
    assert got[0, 1] == pytest.approx([160 / 220, 160 / 220])


def test_left_hand_is_the_mirror_image_of_the_right():
    keypoint, score = one_frame(square_hand((300, 200), 50), square_hand((300, 200), 50))
    got, _ = crop_parts(keypoint, score, (480, 640))
    np.testing.assert_allclose(got[0, 21:42, 0], 1 - got[0, :21, 0], atol=1e-6)
    np.testing.assert_allclose(got[0, 21:42, 1], got[0, :21, 1], atol=1e-6)


def test_by_hand_at_the_images_border():
    keypoint, score = one_frame(right=square_hand((60, 200), 50))
    got, _ = crop_parts(keypoint, score, (480, 640))
    # The box would start at -50: it starts at 0 and is 170 wide, 220 high.
    assert got[0, 0] == pytest.approx([10 / 170, 60 / 220])
    assert got[0, 1] == pytest.approx([110 / 170, 160 / 220])


def test_a_joint_outside_the_image_is_not_cut_off():
    keypoint, score = one_frame(right=square_hand((30, 200), 50))
    got, _ = crop_parts(keypoint, score, (480, 640))
    assert got[0, 0, 0] == pytest.approx(0, abs=1e-6)


def test_all_joints_on_one_point_lie_at_the_centre():
    keypoint, score = one_frame(right=np.full((21, 2), 200.0))
    got, got_score = crop_parts(keypoint, score, (480, 640))
    np.testing.assert_allclose(got[0, :21], 0.5)
    assert (got_score[0, :21] == 1).all()


def test_body_is_divided_by_width_and_height():
    keypoint, score = np.zeros((1, 49, 2)), np.zeros((1, 49))
    keypoint[0, 42], score[0, 42] = (160, 120), 0.7
    got, got_score = crop_parts(keypoint, score, (480, 640))
    assert got[0, 42] == pytest.approx([0.25, 0.25])
    assert got_score[0, 42] == pytest.approx(0.7)


def test_a_joint_that_is_not_finite_stays_so_and_is_left_to_the_checks():
    keypoint, score = one_frame(right=square_hand((300, 200), 50))
    keypoint[0, 3, 0] = np.nan
    assert not np.isfinite(crop_parts(keypoint, score, (480, 640))[0]).all()
    score[0, 3] = 0  # absent: its place is nobody's business
    assert np.isfinite(crop_parts(keypoint, score, (480, 640))[0]).all()


@pytest.mark.parametrize(
    "change",
    [
        dict(keypoint=np.zeros((2, 48, 2))),
        dict(score=np.zeros((3, 49))),
        dict(img_shape=(0, 640)),
        dict(img_shape=(480, 640, 3)),
        dict(fallback="guess"),
    ],
)
def test_bad_arguments_are_refused(change):
    arguments = dict(keypoint=np.zeros((2, 49, 2)), score=np.zeros((2, 49)), img_shape=(480, 640))
    with pytest.raises(ValueError):
        crop_parts(**{**arguments, **change})


# ---- layouts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOURCE_LAYOUTS)
def test_selected_joints_are_the_layouts(name):
    layout = SOURCE_LAYOUTS[name]
    keypoint = np.arange(2 * layout.num_joints * 2, dtype=np.float32).reshape(2, -1, 2) + 1
    score = np.arange(2 * layout.num_joints, dtype=np.float32).reshape(2, -1) + 1
    got, got_score = select_joints(keypoint, score, name)
    for joint, index in enumerate(layout.indices):
        if index < 0:
            assert (got[:, joint] == 0).all() and (got_score[:, joint] == 0).all()
        else:
            np.testing.assert_array_equal(got[:, joint], keypoint[:, index])
            np.testing.assert_array_equal(got_score[:, joint], score[:, index])
    assert layout.missing == tuple(
        SIGN49_JOINTS[joint] for joint, index in enumerate(layout.indices) if index < 0
    )


def test_unknown_layouts_and_other_joint_counts_are_refused():
    with pytest.raises(KeyError, match=r"openpose.*sign49"):
        select_joints(np.zeros((1, 49, 2)), np.zeros((1, 49)), "openpose")
    with pytest.raises(ValueError, match="133 joints"):
        select_joints(np.zeros((1, 49, 2)), np.zeros((1, 49)), "coco_wholebody")


@given(st.floats(0.01, 0.99), st.integers(0, 2**32 - 1))
def test_rescaled_scores_keep_their_order_and_the_visible_joints(min_score, seed):
    score = np.random.default_rng(seed).uniform(0, 1.1, 200).astype(np.float32)
    score[:3] = 0, min_score, 1
    got = rescale_scores(score, min_score)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got >= VISIBLE_THR, score >= min_score)
    assert (np.diff(got[np.argsort(score, kind="stable")]) >= 0).all()
    np.testing.assert_allclose(got[:3], [0, VISIBLE_THR, 1], rtol=1e-6)


def test_the_common_threshold_leaves_scores_alone_and_bad_ones_are_refused():
    score = np.array([np.nan, -0.5, 0.3, 1.2], np.float32)
    assert rescale_scores(score, VISIBLE_THR) is score
    got = rescale_scores(score, 0.2)
    assert np.isnan(got[0]) and got[1] < 0  # for the checks that follow
    for min_score in (0, 1, -0.2, float("nan")):
        with pytest.raises(UserError, match="must lie between 0 and 1"):
            rescale_scores(score, min_score)
