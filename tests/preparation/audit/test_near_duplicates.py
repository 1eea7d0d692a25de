"""Near-duplicates and their groups; uncertain pairs and different recordings."""

import tarfile

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from masa_mm.preparation.audit import audit, open_clips, write_report
from masa_mm.preparation.audit import near_duplicates as near
from masa_mm.preparation.audit.alignment import Comparison

from toys.audit_toys import clips_of, faster, smooth_clip
from toys.paths import SHARED
from toys.source_toys import converted

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
    assert (found["compared"], found["different"], found["uncertain"]) == (1, 0, [])
    assert sum(found["pairs"]["two signers"]) == 0 and found["closest_of_two_signers"] is None
    (example,) = found["examples"]
    assert example["numbers"] == [0, 5] and example["difference"] < near.CERTAIN


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
    store.keypoint, store.keypoint_score = store.keypoint[:].copy(), store.keypoint_score[:].copy()
    store.keypoint_score[store.offset[2] : store.offset[3], HANDS] = 0
    store.keypoint[store.offset[3] :] = np.nan
    found = near.NearDuplicates().compute(clips, {})
    assert found["not_compared"] == 2 and found["num_groups"] == 1


def test_many_copies_of_one_recording_are_one_group(tmp_path):
    a = smooth_clip(0, 40)
    clips = clips_of(tmp_path, dict(clips=[faster(a, 30 + n) for n in range(11)]))
    found = near.NearDuplicates().compute(clips, {})
    assert found["num_groups"] == 1 and found["num_clips"] == 11 and len(found["examples"]) == 3


def take(clip, size, seed=0):
    """Another take of a clip: its joints move slowly by a size, as a share of the image."""
    by = gaussian_filter1d(np.random.default_rng(seed).normal(size=clip[0].shape), 5, axis=0)
    return (clip[0] + size * by / by.std()).astype(np.float32), clip[1]


@pytest.fixture
def takes(tmp_path):
    """A clip of val that is a slightly different take of one of train, and one that is another."""
    a, b = smooth_clip(0, 60), smooth_clip(1, 60)
    train = dict(clips=[a, b, smooth_clip(2)], signers=[1, 2, 3])
    return clips_of(tmp_path, train, dict(clips=[take(a, 0.003), take(b, 0.02)], signers=[1, 2]))


def test_uncertain_pairs_are_listed_apart_and_never_excluded(takes, tmp_path):
    results = audit(takes, num_samples=0)
    found = results["near"]
    (pair,) = found["uncertain"]
    assert pair["numbers"] == [0, 3]
    assert [clip["id"] for clip in pair["clips"]] == ["train0", "val0"]
    assert near.CERTAIN < pair["difference"] < near.UNCERTAIN
    assert found["num_groups"] == 0 and found["different"] == 1
    report = write_report(takes, results, tmp_path / "out")
    assert (tmp_path / "out/exclude_val.txt").read_text() == ""
    page = report.page.read_text()
    assert "1 uncertain pair" in page and "train/train0, val/val0" in page


def test_signers_are_named_only_where_they_are_known(tmp_path):
    a = smooth_clip(0, 40)
    clips = [a, faster(a, 30), smooth_clip(1)]
    for name, signers in (("unknown", None), ("one", [5, 5, 5])):
        (tmp_path / name).mkdir()
        opened = clips_of(tmp_path / name, dict(clips=clips, signers=signers))
        check = near.NearDuplicates()
        note = check.show(opened, check.compute(opened, {})).note
        assert "1 similar pair compared" in note and "signer" not in note


def test_pairs_beyond_the_limit_are_counted_as_not_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(near, "MAX_CANDIDATES", 2)
    a = smooth_clip(0, 40)
    clips = clips_of(tmp_path, dict(clips=[faster(a, 30 + n) for n in range(4)]))
    check = near.NearDuplicates()
    found = check.compute(clips, {})
    assert (found["candidates"], found["compared"]) == (6, 2)
    assert "Not compared: 4 less similar pairs" in check.show(clips, found).note


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, (True, False)),
        (dict(slow=0.02), (False, True)),
        (dict(hands=0.05), (False, True)),
        (dict(body=0.2), (False, True)),
        (dict(share=0.4), (False, True)),
        (dict(num_hands=9.0), (False, True)),
        (dict(motion=0.01), (False, True)),
        (dict(hands=0.0, slow=0.0, motion=0.0), (False, True)),
        (dict(slow=0.05), (False, False)),
        (dict(hands=0.08), (False, False)),
        (dict(body=0.4), (False, False)),
        (dict(share=0.2), (False, False)),
        (dict(hands=np.inf, slow=np.inf), (False, False)),
    ],
)
def test_a_certain_pair_passes_every_limit(change, expected):
    same = dict(hands=0.004, slow=0.001, motion=0.1, body=0.01, num_hands=80.0, share=1.0)
    comparison = Comparison(**{name: np.array([n]) for name, n in (same | change).items()})
    assert tuple(bool(part[0]) for part in near.decide(comparison)) == expected


def test_a_copy_of_a_still_hand_is_uncertain(tmp_path):
    keypoint, score = smooth_clip(0, 60)
    noise = np.random.default_rng(0).normal(scale=1e-4, size=(2, 60, 49, 2))
    still = [((keypoint[:1] + part).astype(np.float32), score) for part in noise]
    found = near.NearDuplicates().compute(clips_of(tmp_path, dict(clips=still)), {})
    assert found["num_groups"] == 0 and len(found["uncertain"]) == 1


def test_few_common_hands_are_neither_counted_nor_named(tmp_path):
    a, b = smooth_clip(0, 40, slice(0, 7)), smooth_clip(0, 50, slice(0, 7))
    clips = clips_of(tmp_path, dict(clips=[a, b], signers=[1, 2]))
    found = near.NearDuplicates().compute(clips, {})
    assert found["compared"] == 1 and found["num_groups"] == 0
    assert sum(found["pairs"]["two signers"]) == 0 and found["closest_of_two_signers"] is None


def test_clips_without_any_hand_have_no_near_duplicates(tmp_path):
    clips = clips_of(tmp_path, dict(clips=[smooth_clip(0, 9), smooth_clip(1, 12)]))
    store = clips.stores[0]
    store.keypoint_score = store.keypoint_score[:] * (np.arange(49) >= HANDS.stop)
    found = near.NearDuplicates().compute(clips, {})
    assert (found["not_compared"], found["num_groups"], found["examples"]) == (2, 0, [])


REAL = SHARED / "data"
needs_data = pytest.mark.skipif(not REAL.exists(), reason="../shared/data is not here")


@needs_data
def test_takes_of_a_real_signer_are_different_recordings(tmp_path):
    with tarfile.open(REAL / "real_files/renotte/three_signs.tar.gz") as archive:
        archive.extractall(tmp_path / "signs", filter="data")
    store = converted("mediapipe-frames", tmp_path / "signs", tmp_path, "--skip-bad")
    found = near.NearDuplicates().compute(open_clips([store.path]), {})
    assert found["compared"] > 300 and found["num_groups"] == 0 and not found["uncertain"]


@needs_data
def test_one_pair_of_real_upper_bodies_is_a_duplicate(tmp_path):
    """The official list gives clips 24954 and 24955 the same address and frames."""
    folder, stores = REAL / "wlasl50_upper_body", []
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        arrays, options = folder / f"wlasl50_upper_body_{split}.npz", ("--split", split)
        options += ("--classes", folder / "classes.txt")
        stores.append(converted("wlasl-upper-body", arrays, tmp_path / split, *options))
    results = audit(open_clips([store.path for store in stores]), num_samples=0)
    (group,) = results["near"]["groups"]
    assert sorted(clip["id"] for clip in group) == ["24954", "24955"]
    assert results["leaks"][0]["ids"] == [] == results["near"]["uncertain"]
