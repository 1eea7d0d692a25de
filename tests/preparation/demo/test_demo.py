"""Demo data: plausible bodies and movements, distinct signs, reproducible stores.

Covers masa_mm.preparation.demo.detector, masa_mm.preparation.demo.generate,
masa_mm.preparation.demo.kinematics, masa_mm.preparation.demo.signer and
masa_mm.preparation.demo.signs.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.pose.skeleton import BODY, LEFT_HAND, PARTS, RIGHT_HAND, WRIST_LINKS
from masa_mm.pose.store import PoseStore
from masa_mm.preparation.demo import (
    SPLITS,
    DemoConfig,
    demo_annotations,
    glosses,
    store_path,
    write_demo_stores,
)
from masa_mm.preparation.demo.detector import detect, make_camera, project
from masa_mm.preparation.demo.kinematics import HANDSHAPES, hand_joints, reach
from masa_mm.preparation.demo.signer import make_signer, perform
from masa_mm.preparation.demo.signs import make_signs

SMALL = DemoConfig(num_classes=4, signers=(3, 1, 2), repetitions=(2, 1, 1))
ARMS = ((1, 2), (2, 3), (4, 5), (5, 6))


@pytest.fixture(scope="module")
def clips() -> dict[str, list[dict]]:
    return {split: list(demo_annotations(split, SMALL)) for split in SPLITS}


def bone_lengths(joints: np.ndarray) -> np.ndarray:
    """[T, bones] lengths of all hand bones and the four arm bones."""
    edges = [(p.start + i, p.start + j) for p in (RIGHT_HAND, LEFT_HAND) for i, j in p.edges]
    edges += [(BODY.start + i, BODY.start + j) for i, j in ARMS]
    first, second = np.array(edges).T
    return np.linalg.norm(joints[:, first] - joints[:, second], axis=-1)


@given(label=st.integers(0, 39), signer=st.integers(0, 30), seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_bones_keep_their_lengths_and_joints_move_smoothly(label, signer, seed):
    joints = perform(make_signs(40)[label], make_signer(signer), np.random.default_rng(seed))
    assert 24 <= len(joints) <= 80
    assert np.isfinite(joints).all()
    lengths = bone_lengths(joints)
    # Includes the edge across the palm from the wrist to the thumb, which is rigid too.
    np.testing.assert_allclose(lengths, np.broadcast_to(lengths[0], lengths.shape), atol=1e-9)
    # No fingertip of a 25 fps signer travels 30 cm from one frame to the next.
    assert np.linalg.norm(np.diff(joints, axis=0), axis=-1).max() < 0.30
    for hand, wrist in WRIST_LINKS:
        np.testing.assert_allclose(joints[:, hand], joints[:, wrist], atol=1e-12)


def test_bone_lengths_belong_to_the_signer():
    sign, rng = make_signs(2)[0], np.random.default_rng(0)
    mine, again, other = (
        bone_lengths(perform(sign, make_signer(number), rng))[0] for number in (1, 1, 2)
    )
    np.testing.assert_allclose(mine, again, atol=1e-9)
    assert np.abs(mine - other).max() > 0.001


def test_reach_is_exact_within_reach_and_straight_beyond():
    shoulder = np.zeros((2, 3))
    target = np.array([[-0.2, 0.15, -0.2], [0.0, -2.0, -1.0]])
    elbow, wrist = reach(shoulder, target, 0.28, 0.25)
    np.testing.assert_allclose(np.linalg.norm(elbow, axis=-1), 0.28)
    np.testing.assert_allclose(np.linalg.norm(wrist - elbow, axis=-1), 0.25)
    np.testing.assert_allclose(wrist[0], target[0], atol=2e-3)
    assert 0.5 < np.linalg.norm(wrist[1]) < 0.53
    np.testing.assert_allclose(np.cross(wrist[1], target[1]), 0, atol=1e-12)


def test_handshapes_look_like_their_names():
    # Distances of the fingertips, from thumb to little finger, to the wrist.
    far = {
        name: np.linalg.norm(hand_joints(shape[None])[0, [4, 8, 12, 16, 20]], axis=-1)
        for name, shape in HANDSHAPES.items()
    }
    assert (far["flat"][1:] > 0.75).all() and (far["fist"][1:] < 0.6).all()
    assert far["point"][1] > 0.9 and (far["point"][2:] < 0.6).all()
    assert far["why"][0] > 0.5 and far["why"][4] > 0.7 and (far["why"][1:4] < 0.6).all()
    thumb_index = {
        name: np.linalg.norm(np.subtract(*hand_joints(HANDSHAPES[name][None])[0, [4, 8]]))
        for name in ("pinch", "five")
    }
    assert thumb_index["pinch"] < 0.5 * thumb_index["five"]


def test_handshapes_and_signs_are_distinct():
    for one, two in itertools.combinations(HANDSHAPES.values(), 2):
        assert np.abs(one - two).max() > np.deg2rad(8)
    signer = make_signer(0)
    signs = make_signs(20)
    assert len({sign.gloss for sign in signs}) == 20
    means = [perform(sign, signer, np.random.default_rng(0))[8:16].mean(0) for sign in signs]
    apart = [
        np.linalg.norm(one - two, axis=-1).max() for one, two in itertools.combinations(means, 2)
    ]
    assert min(apart) > 0.01


def test_more_classes_and_signers_do_not_change_the_first_ones():
    small = next(demo_annotations("train", SMALL))
    large = next(demo_annotations("train", DemoConfig(num_classes=9, signers=(4, 2, 2))))
    np.testing.assert_array_equal(small["keypoint"], large["keypoint"])
    assert glosses(DemoConfig(num_classes=9))[:4] == glosses(SMALL)


def test_one_and_two_handed_signs_exist_and_a_resting_hand_rests():
    signs = make_signs(20)
    kinds = {sign.other is None for sign in signs}
    assert kinds == {True, False}
    signer = next(s for s in map(make_signer, range(50)) if not s.left_handed)
    for sign in signs[:8]:
        joints = perform(sign, signer, np.random.default_rng(0))
        moved = np.ptp(joints[:, BODY.start + 3], axis=0).max()
        assert (moved < 0.03) == (sign.other is None)


def test_left_handed_signers_sign_with_the_left_hand():
    sign = next(sign for sign in make_signs(20) if sign.other is None)
    signers = [make_signer(number) for number in range(50)]
    assert 1 <= sum(signer.left_handed for signer in signers) <= 20
    for left_handed in (True, False):
        signer = next(s for s in signers if s.left_handed == left_handed)
        joints = perform(sign, signer, np.random.default_rng(0))
        right, left = (np.ptp(joints[:, wrist], axis=0).max() for _, wrist in WRIST_LINKS)
        assert (left > right) == left_handed


def test_annotations_follow_mmaction2(clips):
    for split, found in clips.items():
        index = SPLITS.index(split)
        assert len(found) == 4 * SMALL.signers[index] * SMALL.repetitions[index]
        for clip in found:
            height, width = clip["img_shape"]
            keypoint, score = clip["keypoint"], clip["keypoint_score"]
            assert keypoint.shape == (1, clip["total_frames"], 49, 2)
            assert score.shape == keypoint.shape[:-1]
            assert keypoint.dtype == score.dtype == np.float32
            assert clip["layout"] == "sign49" and clip["gloss"] == glosses(SMALL)[clip["label"]]
            assert np.isfinite(keypoint).all() and (score >= 0).all() and (score <= 1).all()
            assert (keypoint[score == 0] == 0).all()
            seen = keypoint[score > 0]
            assert (seen >= 0).all() and (seen < [width, height]).all()


def test_splits_share_no_signer_and_no_clip(clips):
    signers = [{clip["signer"] for clip in clips[split]} for split in SPLITS]
    assert [len(numbers) for numbers in signers] == list(SMALL.signers)
    assert not any(one & two for one, two in itertools.combinations(signers, 2))
    names = [clip["frame_dir"] for found in clips.values() for clip in found]
    assert len(names) == len(set(names))


def test_hands_are_absent_in_some_frames():
    scores = [
        clip["keypoint_score"][0]
        for clip in demo_annotations("train", DemoConfig(num_classes=8, signers=(6, 1, 1)))
    ]
    score = np.concatenate(scores)
    for hand in (RIGHT_HAND, LEFT_HAND):
        absent = (score[:, hand.joints] == 0).all(1).mean()
        assert 0.02 < absent < 0.5
    # Each clip keeps a hand in view for at least a third of its frames.
    seen = [(clip[:, :42] > 0).any(1).mean() for clip in scores]
    assert min(seen) > 1 / 3


def test_the_detector_jitters_by_its_noise():
    camera = make_camera(0)
    still = np.zeros((400, 49, 3))
    keypoint, score = detect(still, camera, np.random.default_rng(0))
    unit = 0.18 * camera.focal / camera.distance
    error = (keypoint - project(still, camera))[score > 0] / unit
    assert np.median(np.abs(error)) == pytest.approx(0.6745 * camera.noise, rel=0.05)
    assert np.abs(error.mean()) < 0.2 * camera.noise


def test_same_seed_same_bytes_and_other_seed_other_data(tmp_path):
    tiny = DemoConfig(num_classes=2, signers=(1, 1, 1), repetitions=(1, 1, 1))
    other = DemoConfig(num_classes=2, signers=(1, 1, 1), repetitions=(1, 1, 1), seed=1)
    for name, config in (("a", tiny), ("b", tiny), ("c", other)):
        write_demo_stores(tmp_path / name, config)
    read = {name: store_path(tmp_path / name, "train").read_bytes() for name in "abc"}
    assert read["a"] == read["b"] != read["c"]


def test_stores_hold_the_cropped_clips(tmp_path, clips):
    reports = write_demo_stores(tmp_path, SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"demo_{split}.safetensors" for split in sorted(SPLITS)
    ]
    for split in SPLITS:
        store = PoseStore(store_path(tmp_path, split))
        store.check()
        assert len(store) == reports[split].num_clips == len(clips[split])
        assert store.glosses == glosses(SMALL) and store.source == "demo" and store.split == split
        np.testing.assert_array_equal(store.label, [clip["label"] for clip in clips[split]])
        np.testing.assert_array_equal(store.signer, [clip["signer"] for clip in clips[split]])
        clip = clips[split][0]
        keypoint, score = store.clip(0)
        height, width = clip["img_shape"]
        body = clip["keypoint"][0, :, BODY.joints] / [width, height]
        np.testing.assert_allclose(keypoint[:, BODY.joints], body, atol=1e-3)
        assert (score[:, PARTS[2].joints] > 0).mean() > 0.9


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="train, val, test, not 'dev'"):
        next(demo_annotations("dev", SMALL))
    with pytest.raises(ValueError, match="num_classes"):
        make_signs(1)
    with pytest.raises(ValueError, match="every split"):
        DemoConfig(signers=(2, 0, 1))
