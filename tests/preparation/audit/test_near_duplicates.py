"""Near-duplicates and their groups; pairs against loops; the descriptor of a clip."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.preparation.audit import near_duplicates as near

from toys.audit_toys import clips_of, faster, smooth_clip

HANDS = slice(0, 42)


def test_groups_are_what_close_pairs_connect_and_identical_clips_count_once(tmp_path):
    a, b = smooth_clip(0, 40), smooth_clip(1, 40)
    clips = clips_of(
        tmp_path,
        dict(clips=[a, a, b, b, smooth_clip(2)], labels=[0, 1, 2, 2, 0], signers=[3, 3, 4, 4, 5]),
        dict(clips=[faster(a, 31)], labels=[0], signers=[3]),
    )
    found = near.NearDuplicates().compute(clips, {})
    (group,) = found["groups"]
    assert [clip["id"] for clip in group] == ["train0", "train1", "val0"]
    assert found["across_labels"] == found["across_splits"] == 1 == found["num_groups"]
    assert sum(found["pairs"]["one signer"]) == 1  # a and its faster copy
    assert sum(found["pairs"]["two signers"]) == 0 and found["closest_of_two_signers"] is None
    (example,) = found["examples"]
    assert example["numbers"] == [0, 5] and example["distance"] < near.THRESHOLD


def test_the_closest_clips_of_two_signers_are_named(tmp_path):
    a = smooth_clip(0, 40)
    clips = clips_of(
        tmp_path,
        dict(clips=[a, faster(a, 30), faster(a, 35), smooth_clip(1)], signers=[1, -1, 2, 3]),
    )
    found = near.NearDuplicates().compute(clips, {})
    assert [clip["id"] for clip in found["closest_of_two_signers"]["clips"]] == ["train0", "train2"]
    assert sum(found["pairs"]["signer unknown"]) == 2 and sum(found["pairs"]["two signers"]) == 1


def test_clips_without_hands_and_nan_are_not_compared(tmp_path):
    a = smooth_clip(0, 40)
    clips = clips_of(tmp_path, dict(clips=[a, faster(a, 30), smooth_clip(1), smooth_clip(2)]))
    store = clips.stores[0]
    store.keypoint, store.keypoint_score = store.keypoint.copy(), store.keypoint_score.copy()
    store.keypoint_score[store.offset[2] : store.offset[3], HANDS] = 0
    store.keypoint[store.offset[3] :] = np.nan
    found = near.NearDuplicates().compute(clips, {})
    assert found["not_compared"] == 2 and found["num_groups"] == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.floats(0.05, 1.0))
def test_pairs_against_loops(seed, size, up_to):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(size, 3))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near, "_BLOCK", 4)
        found = {
            (i, j): d
            for block in near._close_pairs(rows, up_to)
            for i, j, d in zip(*(values.tolist() for values in block))
        }
    exact = {
        (i, j): np.linalg.norm(rows[i].astype(float) - rows[j])
        for i in range(size)
        for j in range(i + 1, size)
    }
    for pair, distance in exact.items():
        if abs(distance - up_to) > 1e-3:
            assert (pair in found) == (distance < up_to)
    for pair, distance in found.items():
        assert distance == pytest.approx(exact[pair], abs=1e-3)


def test_many_copies_of_one_recording_are_one_group(tmp_path, monkeypatch):
    monkeypatch.setattr(near, "_BLOCK", 3)
    a = smooth_clip(0, 40)
    clips = clips_of(tmp_path, dict(clips=[faster(a, 30 + n) for n in range(11)]))
    found = near.NearDuplicates().compute(clips, {})
    assert found["num_groups"] == 1 and found["num_clips"] == 11 and len(found["examples"]) == 3


def framed(clip, scale, shift):
    """The same signer elsewhere in the image; hand crops stay as they are."""
    keypoint = clip[0].copy()
    keypoint[:, 42:] = keypoint[:, 42:] * scale + shift
    return keypoint, clip[1]


def padded(clip, before, after):
    """The same clip between frames without hands, the body resting in them."""
    keypoint, score = (
        np.concatenate([array[:1].repeat(before, 0), array, array[-1:].repeat(after, 0)])
        for array in clip
    )
    for rest in (slice(0, before), slice(len(keypoint) - after, None)):
        keypoint[rest, HANDS], score[rest, HANDS] = 0, 0
    return keypoint, score


def distances(tmp_path, *clips):
    """Distances of the first clip to the others."""
    opened = clips_of(tmp_path, dict(clips=clips))
    descriptor = near.describe_clips(opened).astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(descriptor, axis=1), 1, rtol=1e-5)
    return np.linalg.norm(descriptor[1:] - descriptor[0], axis=1)


def test_rate_framing_and_empty_ends_do_not_matter(tmp_path):
    clip = smooth_clip(0, 40)
    changed = (
        *(faster(clip, 29), faster(clip, 80), framed(clip, 0.5, 0.3), padded(clip, 7, 3)),
        framed(faster(padded(clip, 0, 5), 90), 1.3, -0.1),
    )
    found = distances(tmp_path, clip, *changed[:4])
    assert (found < 0.03).all()
    others = distances(tmp_path, clip, *(smooth_clip(seed, 40) for seed in range(1, 6)))
    assert (others > 0.5).all()


def test_other_hands_another_way_and_another_order_matter(tmp_path):
    keypoint, score = smooth_clip(0, 40)
    other_hand, other_way = keypoint.copy(), keypoint.copy()
    other_hand[:, :21] = smooth_clip(1, 40)[0][:, :21]
    other_way[:, 42:] = smooth_clip(1, 40)[0][:, 42:]
    one_handed = score.copy()
    one_handed[:, 21:42] = 0
    found = distances(
        tmp_path,
        (keypoint, score),
        (other_hand, score),
        (other_way, score),
        (keypoint[::-1], score),
        (keypoint * (one_handed[..., None] > 0), one_handed),
    )
    assert (found > 0.3).all()


def test_clips_without_any_hand_have_no_near_duplicates(tmp_path):
    clips = clips_of(tmp_path, dict(clips=[smooth_clip(0, 9), smooth_clip(1, 12)]))
    store = clips.stores[0]
    store.keypoint_score = store.keypoint_score * (np.arange(49) >= HANDS.stop)
    found = near.NearDuplicates().compute(clips, {})
    assert (found["not_compared"], found["num_groups"], found["examples"]) == (2, 0, [])
