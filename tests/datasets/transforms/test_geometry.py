"""Parts rotate as rigid bodies about the right centres; SwapHands mirrors the signer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.datasets.transforms import RandomPartAffine, SwapHands
from masa_mm.pose.skeleton import SIGN49_JOINTS


def fit(before, after):
    """Least-squares affine map of points [n, 2]: matrix [2, 2], offset [2], and the misfit."""
    design = np.concatenate([before, np.ones((len(before), 1))], axis=1).astype(float)
    solution = np.linalg.lstsq(design, after.astype(float), rcond=None)[0]
    return solution[:2].T, solution[2], np.abs(design @ solution - after).max()


def maps(transform, clip, part_slices):
    """The map each part went through, fitted to its present joints."""
    result = transform(dict(clip))
    found = {}
    for part, joints in part_slices.items():
        present = clip["keypoint_score"][:, :, joints] > 0
        found[part] = fit(
            clip["keypoint"][:, :, joints][present], result["keypoint"][:, :, joints][present]
        )
    return result, found


def body_center(clip):
    present = clip["keypoint_score"][:, :, 42:] > 0
    return clip["keypoint"][:, :, 42:][present].mean(axis=0)


def test_one_affine_map_a_part_and_clip(make_clip, part_slices):
    clip = make_clip()
    result, found = maps(RandomPartAffine(30, 0.2, 0.1, 0.2), clip, part_slices)
    assert all(misfit < 1e-5 for _, _, misfit in found.values())
    matrices = [matrix for matrix, _, _ in found.values()]
    assert not np.allclose(matrices[0], matrices[1], atol=1e-3), "parts are drawn apart"
    assert not result["keypoint"][clip["keypoint_score"] == 0].any()
    assert result["keypoint"].dtype == np.float32
    np.testing.assert_array_equal(result["keypoint_score"], clip["keypoint_score"])


@pytest.mark.parametrize(
    ("limits", "check"),
    [
        (
            dict(rotation=30, scale=0, shift=0),
            lambda a: (
                np.allclose(a @ a.T, np.eye(2), atol=1e-5)
                and abs(np.rad2deg(np.arctan2(a[1, 0], a[0, 0]))) <= 30.01
                and np.linalg.det(a) > 0
            ),
        ),
        (
            dict(rotation=0, scale=0.2, shift=0),
            lambda a: np.allclose(a, a[0, 0] * np.eye(2), atol=1e-5) and 0.8 <= a[0, 0] <= 1.2,
        ),
        (
            dict(rotation=0, scale=0, shift=0, shear=0.3),
            lambda a: np.allclose(a, [[1, a[0, 1]], [0, 1]], atol=1e-5) and abs(a[0, 1]) <= 0.3,
        ),
        (dict(rotation=0, scale=0, shift=0.1), lambda a: np.allclose(a, np.eye(2), atol=1e-5)),
    ],
    ids=["rotation", "scale", "shear", "shift"],
)
def test_limits_and_centers(make_clip, part_slices, limits, check):
    for seed in range(5):
        np.random.seed(seed)
        clip = make_clip(seed=seed)
        _, found = maps(RandomPartAffine(**limits), clip, part_slices)
        for part, (matrix, offset, _) in found.items():
            assert check(matrix), (part, matrix)
            center = body_center(clip) if part == "body" else np.full(2, 0.5)
            moved = matrix @ center + offset - center
            assert np.abs(moved).max() <= limits["shift"] + 1e-5, "the centre stays, but for shift"


def test_shared_map_is_one_tilt_of_the_camera(make_clip, part_slices):
    """Tilting the mirrored signer the other way and mirroring back is the same tilt."""
    clip = make_clip(frames=12)
    for seed in range(5):
        np.random.seed(seed)
        _, found = maps(RandomPartAffine(40, 0.1, 0.05, 0.2, shared=True), clip, part_slices)
        flip = np.diag([-1.0, 1.0])
        right, left, body = (found[part] for part in ("right_hand", "left_hand", "body"))
        np.testing.assert_allclose(right[0], body[0], atol=1e-4)
        np.testing.assert_allclose(left[0], flip @ right[0] @ flip, atol=1e-4)
        half = np.full(2, 0.5)
        np.testing.assert_allclose(
            left[0] @ half + left[1] - half, flip @ (right[0] @ half + right[1] - half), atol=1e-4
        )


def test_mirrored_signer_turns_the_other_way(make_clip):
    """In image terms: a left hand's x is stored as 1 - x, so its shared map must be the mirror."""
    clip = make_clip(frames=5, low_scores=False)
    np.random.seed(0)
    turned = RandomPartAffine(30, 0, 0, shared=True)(dict(clip))

    def left_in_image(results):
        x = results["keypoint"][:, :, 21:42].copy()
        x[..., 0] = 1 - x[..., 0]
        return x[results["keypoint_score"][:, :, 21:42] > 0]

    right = clip["keypoint_score"][:, :, :21] > 0
    of_right, _, _ = fit(clip["keypoint"][:, :, :21][right], turned["keypoint"][:, :, :21][right])
    of_left, _, _ = fit(left_in_image(clip), left_in_image(turned))
    np.testing.assert_allclose(of_left, of_right, atol=1e-4)


def test_without_a_body(make_clip, part_slices):
    clip = make_clip(missing=("body",))
    result = RandomPartAffine()(dict(clip))
    assert np.isfinite(result["keypoint"]).all() and not result["keypoint"][:, :, 42:].any()


def test_probability_zero_changes_nothing(make_clip):
    clip = make_clip()
    assert RandomPartAffine(prob=0.0)(dict(clip))["keypoint"] is clip["keypoint"]


def test_order_with_the_swap_does_not_break_presence(make_clip):
    clip = RandomPartAffine(45, 0.5, 0.5)(SwapHands(1.0)(make_clip()))
    assert not clip["keypoint"][clip["keypoint_score"] == 0].any()


swap = SwapHands(prob=1.0)


def other_side(name):
    if name.startswith("right"):
        return name.replace("right", "left", 1)
    return name.replace("left", "right", 1)


def test_each_joint_by_name(make_clip):
    clip = make_clip()
    result = swap(dict(clip))
    for v, name in enumerate(SIGN49_JOINTS):
        source = SIGN49_JOINTS.index(other_side(name))
        np.testing.assert_array_equal(
            result["keypoint_score"][0, :, v], clip["keypoint_score"][0, :, source]
        )
        for t in range(40):
            x, y = clip["keypoint"][0, t, source]
            if v >= 42 and clip["keypoint_score"][0, t, source] > 0:
                x = np.float32(1) - x
            assert tuple(result["keypoint"][0, t, v]) == (x, y), (name, t)


@settings(max_examples=30, deadline=None)
@given(
    frames=st.integers(1, 20),
    missing=st.sets(st.sampled_from(["right_hand", "left_hand", "body"])),
    seed=st.integers(0, 99),
)
def test_is_an_involution(make_clip, frames, missing, seed):
    clip = make_clip(frames, seed, missing)
    twice = swap(swap(dict(clip)))
    np.testing.assert_allclose(twice["keypoint"], clip["keypoint"], atol=1e-6)
    np.testing.assert_array_equal(twice["keypoint_score"], clip["keypoint_score"])


def test_absent_joints_stay_at_zero(make_clip):
    result = swap(make_clip())
    assert not result["keypoint"][result["keypoint_score"] == 0].any()


@pytest.mark.parametrize(("prob", "low", "high"), [(0.0, 0, 0), (0.5, 60, 140), (1.0, 200, 200)])
def test_probability(make_clip, prob, low, high):
    clip = make_clip(frames=2)
    changed = sum(
        SwapHands(prob)(dict(clip))["keypoint"] is not clip["keypoint"] for _ in range(200)
    )
    assert low <= changed <= high
