"""Motion residuals against the definition, joint by joint in float64."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.datasets.transforms import MotionResidual


def reference(clip, intervals, score_thr, scale):
    """m_t = x_{t+k} - x_t and c_t c_{t+k}, as plain loops."""
    x, r = clip["keypoint"].astype(float), clip["keypoint_score"].astype(float)
    persons, frames, joints, dims = x.shape
    motion = np.zeros((persons, frames, joints, len(intervals), dims))
    weight = np.zeros((persons, frames, joints, len(intervals)))
    for m in range(persons):
        for t in range(frames):
            for v in range(joints):
                for n, k in enumerate(intervals):
                    if t + k >= frames or r[m, t, v] == 0 or r[m, t + k, v] == 0:
                        continue
                    motion[m, t, v, n] = (x[m, t + k, v] - x[m, t, v]) * scale
                    if min(r[m, t, v], r[m, t + k, v]) >= np.float32(score_thr):
                        weight[m, t, v, n] = r[m, t, v] * r[m, t + k, v]
    return motion, weight


@settings(max_examples=25, deadline=None)
@given(
    frames=st.integers(1, 12),
    intervals=st.lists(st.integers(1, 8), min_size=1, max_size=3),
    score_thr=st.sampled_from([0.0, 0.4, 0.9]),
    missing=st.sets(st.sampled_from(["right_hand", "left_hand", "body"]), max_size=2),
    persons=st.integers(1, 2),
    seed=st.integers(0, 99),
)
def test_matches_the_definition(make_clip, frames, intervals, score_thr, missing, persons, seed):
    clip = make_clip(frames, seed, missing, persons=persons)
    motion, weight = reference(clip, intervals, score_thr, 256)
    result = MotionResidual(intervals, score_thr)(clip)
    assert result["motion"].dtype == result["motion_weight"].dtype == np.float32
    np.testing.assert_allclose(result["motion"], motion, atol=1e-4)
    np.testing.assert_allclose(result["motion_weight"], weight, rtol=1e-6)


def test_by_hand():
    keypoint = np.zeros((1, 5, 1, 2), np.float32)
    keypoint[0, :, 0, 0] = [0.5, 0.25, 0.5, 0.75, 0.125]
    keypoint[0, :, 0, 1] = 0.5
    score = np.array([0.5, 1, 0.4, 0.3, 1], np.float32).reshape(1, 5, 1)
    result = MotionResidual((1, 3))(dict(keypoint=keypoint, keypoint_score=score))
    # leftward motion is negative: signed, unlike the reference code
    assert result["motion"][0, :, 0, 0, 0].tolist() == [-64, 64, 64, -160, 0]
    assert result["motion"][0, :, 0, 1, 0].tolist() == [64, -32, 0, 0, 0]
    assert not result["motion"][..., 1].any()
    # a score of 0.4 reaches eps_c, one of 0.3 does not and takes its joint out at either end
    np.testing.assert_allclose(result["motion_weight"][0, :, 0, 0], [0.5, 0.4, 0, 0, 0])
    assert result["motion_weight"][0, :, 0, 1].tolist() == [0, 1, 0, 0, 0]


def test_interval_beyond_the_clip_gives_no_motion(make_clip):
    for frames in (3, 4):
        result = MotionResidual((frames,))(make_clip(frames=frames))
        assert not result["motion"].any() and not result["motion_weight"].any()


def test_padding_changes_nothing(make_clip):
    clip = make_clip()
    padded = {
        key: np.pad(clip[key], [(0, 0), (0, 9)] + [(0, 0)] * (clip[key].ndim - 2))
        for key in ("keypoint", "keypoint_score")
    }
    alone, padded = MotionResidual((1, 3))(clip), MotionResidual((1, 3))(padded)
    for key in ("motion", "motion_weight"):
        np.testing.assert_array_equal(padded[key][:, :40], alone[key])
        assert not padded[key][:, 40:].any()


def test_views_are_kept_apart(make_clip):
    first, second = make_clip(12, 1), make_clip(12, 2)
    joined = {
        key: np.concatenate([first[key], second[key]], axis=1)
        for key in ("keypoint", "keypoint_score")
    }
    transform = MotionResidual()
    joined = transform(dict(joined, num_clips=2))
    for key in ("motion", "motion_weight"):
        expected = np.concatenate([transform(dict(c))[key] for c in (first, second)], axis=1)
        np.testing.assert_array_equal(joined[key], expected)


def test_pixels_and_part_coordinates_agree(make_clip):
    clip = make_clip()
    pixels = dict(clip, keypoint=clip["keypoint"] * np.float32(256))
    np.testing.assert_array_equal(
        MotionResidual()(clip)["motion"], MotionResidual(pixel_scale=1)(pixels)["motion"]
    )
