"""The dense form of network and preprocessing against the pipeline and the packed network.

Tests masa_mm.inference.landmark_network, masa_mm.inference.landmark_crop and
masa_mm.inference.frame_choice.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.errors import UserError
from masa_mm.inference.landmark_network import LandmarkNetwork
from masa_mm.pose.crop import crop_parts

from toys.sign_models import CENTRAL, PIPELINE, landmarks, recogniser, transforms

SIZE = (640, 480)


def by_the_pipeline(model, steps, clip, size=SIZE):
    """Class scores of a clip by numpy's crop, the transforms and the packed network."""
    keypoint, score = crop_parts(clip[..., :2], clip[..., 2], size[::-1])
    results = dict(
        frame_dir="clip",
        total_frames=len(clip),
        keypoint=keypoint[None],
        keypoint_score=score[None],
        normalization="part_crop",
    )
    for step in steps:
        results = step(results)
    inputs = torch.from_numpy(results["inputs"]["keypoint"])[None]
    with torch.no_grad():
        return model.extract_feat(inputs, stage="head")[0][0].numpy()


def by_the_dense_form(network, clip, size=SIZE):
    scores, embedding = network(torch.from_numpy(clip), torch.tensor(size, dtype=torch.float32))
    return scores.numpy(), embedding.numpy()


@pytest.mark.parametrize("pipeline", [PIPELINE, CENTRAL], ids=["uniform", "center"])
@pytest.mark.parametrize(
    "options",
    [dict(), dict(norm_first=True, use_score=False), dict(sub_part_merge="concat")],
    ids=["post_norm", "pre_norm", "concat"],
)
@pytest.mark.parametrize("pooling", ["average", "learned"])
def test_it_equals_pipeline_and_packed_network(pipeline, options, pooling):
    model, steps = recogniser(pooling=pooling, **options), transforms(pipeline)
    network = LandmarkNetwork(model, steps)
    for length in (1, 2, 7, 8, 9, 30):
        clip = landmarks(length, seed=length)
        scores, _ = by_the_dense_form(network, clip)
        np.testing.assert_allclose(scores, by_the_pipeline(model, steps, clip), atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(1, 60),
    seed=st.integers(0, 10**6),
    hands=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    blank=st.sampled_from([0.0, 0.5, 0.95, 1.0]),
    pipeline=st.sampled_from([PIPELINE, CENTRAL]),
)
def test_any_clip_gives_the_same_scores(length, seed, hands, blank, pipeline):
    model, steps = recogniser(), transforms(pipeline)
    clip = landmarks(length, seed, hands=hands, blank=blank)
    scores, _ = by_the_dense_form(LandmarkNetwork(model, steps), clip)
    np.testing.assert_allclose(scores, by_the_pipeline(model, steps, clip), atol=1e-5)


def test_hands_at_the_borders_and_of_one_point():
    model, steps = recogniser(), transforms()
    clip = landmarks(12, hands=1.0, blank=0.0)
    clip[:4, :21, :2] += (300, 200)  # beyond the border
    clip[4:8, :21, :2] = (5, 5)
    scores, _ = by_the_dense_form(LandmarkNetwork(model, steps), clip)
    np.testing.assert_allclose(scores, by_the_pipeline(model, steps, clip), atol=1e-5)


def test_the_embedding_gives_the_scores():
    model = recogniser()
    scores, embedding = by_the_dense_form(LandmarkNetwork(model, transforms()), landmarks(20))
    expected = model.cls_head.fc(torch.from_numpy(embedding)).detach().numpy()
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_a_clip_without_frames_and_one_without_joints_are_alike():
    network = LandmarkNetwork(recogniser(), transforms())
    empty, _ = by_the_dense_form(network, landmarks(0))
    blank, _ = by_the_dense_form(network, landmarks(9, blank=1.0))
    assert np.isfinite(empty).all()
    np.testing.assert_allclose(empty, blank, atol=1e-6)


def test_numbers_that_are_not_finite_mean_absent():
    network = LandmarkNetwork(recogniser(), transforms())
    clip, absent = landmarks(20), landmarks(20)
    clip[3, 5] = np.nan
    clip[4, 6, 0] = np.inf
    clip[5, 7, 2] = np.nan
    absent[3, 5] = absent[4, 6] = absent[5, 7] = 0
    found, _ = by_the_dense_form(network, clip)
    np.testing.assert_array_equal(found, by_the_dense_form(network, absent)[0])


def test_part_coordinates_are_taken_as_they_are():
    model, steps = recogniser(), transforms()
    clip = landmarks(20)
    keypoint, score = crop_parts(clip[..., :2], clip[..., 2], SIZE[::-1])
    cropped = np.concatenate([keypoint, score[..., None]], -1)
    network = LandmarkNetwork(model, steps)
    found, _ = by_the_dense_form(network, cropped, (0, 0))
    np.testing.assert_allclose(found, by_the_dense_form(network, clip)[0], atol=1e-6)


def test_a_layout_is_reordered():
    model, steps = recogniser(), transforms()
    clip = landmarks(20, num_joints=75)
    from masa_mm.pose.crop import select_joints

    keypoint, score = select_joints(clip[..., :2], clip[..., 2], "mediapipe_holistic")
    joints = np.concatenate([keypoint, score[..., None]], -1)
    expected, _ = by_the_dense_form(LandmarkNetwork(model, steps), joints)
    network = LandmarkNetwork(model, steps, "mediapipe_holistic")
    np.testing.assert_array_equal(by_the_dense_form(network, clip)[0], expected)


@pytest.mark.parametrize(
    "step, message",
    [
        (dict(type="SampleSignFrames", clip_len=8, mode="random"), "cannot choose its frames"),
        (dict(type="SampleSignFrames", clip_len=8, mode="uniform"), "cannot choose its frames"),
        (dict(type="SampleSignFrames", clip_len=8, mode="center", num_clips=2), "num_clips=1"),
        (dict(type="RandomPartAffine"), "RandomPartAffine of the test pipeline"),
        (dict(type="KeepHandFrames"), "no SampleSignFrames"),
        (dict(type="CropSignParts", fallback="elbow_wrist"), "only 'absent' can"),
    ],
)
def test_what_the_dense_form_lacks_is_refused(step, message):
    with pytest.raises(UserError, match=message):
        LandmarkNetwork(recogniser(), transforms([step]))
