"""Identical clips, groups of duplicates against loops, and clips that training has seen."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.datasets import SignPoseDataset
from masa_mm.preparation.audit import audit, write_report
from masa_mm.preparation.audit.duplicates import IdenticalClips, summarize_groups, twins_of_train

from toys.audit_toys import clips_of, faster, smooth_clip


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
    found = IdenticalClips().compute(clips, {})
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
    assert len(set(clips.identical.tolist())) == 2


def test_frames_are_compared_clip_by_clip(tmp_path):
    """Clips of other lengths with the same bytes in a row are not the same clip."""
    keypoint, score = smooth_clip(0, 8)
    clips = clips_of(tmp_path, dict(clips=[(keypoint, score), (keypoint[:4], score[:4])]))
    assert len(set(clips.identical.tolist())) == 2


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 2), st.integers(0, 1)), min_size=1))
def test_groups_against_loops(rows):
    rows.sort(key=lambda row: row[2])  # clips come store by store
    group, label, store = np.array(rows).T
    clips = SimpleNamespace(
        label=label,
        store=store,
        split_masks=lambda: [("a", store == 0), ("b", store == 1)],
        describe_all=list,
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


def of(split, name, gloss=""):
    return dict(split=split, id=name, gloss=gloss)


def test_twins_across_and_within_labels():
    groups = [
        [of("train", "a", "book"), of("val", "v", "book"), of("val", "w", "drink")],
        [of("val", "x", "book"), of("test", "x", "book")],  # nothing of train
        [of("train", "b", "drink"), of("train", "c", "book"), of("test", "t")],
        [of("train", "d", "drink"), of("val", "w", "drink")],  # 'w' again: now with its own sign
        [of("train", "e", "drink"), of("val", "u", "book")],
    ]
    assert twins_of_train(groups, ("train", "val", "test")) == [
        dict(split="val", ids=["u", "v", "w"], other_labels=1),
        dict(split="test", ids=["t"], other_labels=1),
    ]
    assert twins_of_train(groups, ("val", "test")) == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Val has a copy of a train clip, a slower one, a copy within val, and clips of its own."""
    folder = tmp_path_factory.mktemp("leaks")
    clips = [smooth_clip(seed, 20) for seed in range(6)]
    own = [clips[0], faster(clips[1], 33), clips[3], clips[3], clips[4]]
    stores = clips_of(folder, dict(clips=clips[:3]), dict(clips=own), dict(clips=[clips[5]]))
    write_report(stores, audit(stores, num_samples=0), folder / "out")
    return folder


def test_the_lists_are_what_datasets_leave_out(folder):
    names = sorted(path.name for path in (folder / "out").iterdir())
    assert names == ["audit.html", "audit.json", "exclude_test.txt", "exclude_val.txt"]
    val = SignPoseDataset(
        str(folder / "val.safetensors"), [], exclude=str(folder / "out/exclude_val.txt")
    )
    assert [clip["frame_dir"] for clip in val] == ["val2", "val3", "val4"]
    nothing = str(folder / "out/exclude_test.txt")
    assert len(SignPoseDataset(str(folder / "test.safetensors"), [], exclude=nothing)) == 1


def test_a_split_named_as_a_path_stays_in_the_folder(tmp_path):
    clip = smooth_clip(0, 12)
    stores = clips_of(tmp_path, dict(clips=[clip]), dict(clips=[clip], split="../../evil"))
    write_report(stores, audit(stores, num_samples=0), tmp_path / "out")
    assert (tmp_path / "out/exclude_..%2F..%2Fevil.txt").read_text() == "val0\n"
