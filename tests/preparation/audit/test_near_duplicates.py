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


def test_many_copies_of_one_recording_are_one_group(tmp_path, monkeypatch):
    monkeypatch.setattr(near, "_BLOCK", 3)
    a = smooth_clip(0, 40)
    clips = clips_of(tmp_path, dict(clips=[faster(a, 30 + n) for n in range(11)]))
    found = near.NearDuplicates().compute(clips, {})
    assert found["num_groups"] == 1 and found["num_clips"] == 11 and len(found["examples"]) == 3


def test_clips_without_any_hand_have_no_near_duplicates(tmp_path):
    clips = clips_of(tmp_path, dict(clips=[smooth_clip(0, 9), smooth_clip(1, 12)]))
    store = clips.stores[0]
    store.keypoint_score = store.keypoint_score * (np.arange(49) >= HANDS.stop)
    found = near.NearDuplicates().compute(clips, {})
    assert (found["not_compared"], found["num_groups"], found["examples"]) == (2, 0, [])
