"""Identical clips, and the groups that copies form, against plain loops."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.preparation.audit.checks.duplicates import identical_clips, identical_groups
from masa_mm.preparation.audit.checks.groups import summarize_groups

from toys.audit_toys import clips_of, smooth_clip


@pytest.fixture
def clips(tmp_path):
    """Train: a, b, a of another label, c; val: a of its label, b of another, d."""
    a, b, c, d = (smooth_clip(seed, 8) for seed in range(4))
    return clips_of(
        tmp_path,
        dict(clips=[a, b, a, c], labels=[0, 1, 2, 1]),
        dict(clips=[a, b, d], labels=[0, 2, 1]),
    )


def test_copies_within_and_across_labels_and_splits(clips):
    found = identical_clips(clips, identical_groups(clips))
    names = [[clip["id"] for clip in group] for group in found["groups"]]
    assert names == [["train0", "train2", "val0"], ["train1", "val1"]]
    assert (found["num_groups"], found["num_clips"], found["num_extra"]) == (2, 5, 3)
    assert (found["across_labels"], found["across_splits"]) == (2, 2)
    twins = {
        (t["split"], t["other"]): (t["clips"], t["same_label"], t["total"]) for t in found["twins"]
    }
    assert twins == {
        ("train", "train"): (2, 0, 4),
        ("train", "val"): (3, 1, 4),
        ("val", "train"): (2, 1, 3),
        ("val", "val"): (0, 0, 3),
    }


def test_one_changed_score_is_another_clip(tmp_path):
    keypoint, score = smooth_clip(0, 8)
    other = score.copy()
    other[3, 7] = 0.8
    clips = clips_of(tmp_path, dict(clips=[(keypoint, score), (keypoint, other)]))
    assert len(set(identical_groups(clips).tolist())) == 2


def test_frames_are_compared_clip_by_clip(tmp_path):
    """Clips of other lengths with the same bytes in a row are not the same clip."""
    keypoint, score = smooth_clip(0, 8)
    clips = clips_of(tmp_path, dict(clips=[(keypoint, score), (keypoint[:4], score[:4])]))
    assert len(set(identical_groups(clips).tolist())) == 2


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 2), st.integers(0, 1)), min_size=1))
def test_groups_against_loops(rows):
    rows.sort(key=lambda row: row[2])  # clips come store by store
    group, label, store = np.array(rows).T
    clips = SimpleNamespace(
        label=label, store=store, splits=("a", "b"), describe=lambda number: number
    )
    found = summarize_groups(clips, group * 7)
    members = {}
    for number, row in enumerate(rows):
        members.setdefault(row[0], []).append(number)
    groups = [numbers for numbers in members.values() if len(numbers) > 1]
    assert sorted(found["groups"]) == sorted(groups)
    labels = [{rows[n][1] for n in numbers} - {-1} for numbers in groups]
    assert found["across_labels"] == sum(len(some) > 1 for some in labels)
    assert found["across_splits"] == sum(len({rows[n][2] for n in some}) > 1 for some in groups)
    for twin, (mine, theirs) in zip(found["twins"], itertools.product((0, 1), repeat=2)):
        pairs = [
            (i, j)
            for i, j in itertools.permutations(range(len(rows)), 2)
            if rows[i][0] == rows[j][0] and rows[i][2] == mine and rows[j][2] == theirs
        ]
        same = {i for i, j in pairs if rows[i][1] == rows[j][1] >= 0}
        assert (twin["clips"], twin["same_label"]) == (len({i for i, _ in pairs}), len(same))
        assert twin["total"] == sum(row[2] == mine for row in rows)
