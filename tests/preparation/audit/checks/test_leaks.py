"""Clips that training shows already: which they are, and the lists that datasets read."""

import pytest

from masa_mm.datasets import SignPoseDataset
from masa_mm.preparation.audit import audit
from masa_mm.preparation.audit.checks import twins_of_train
from masa_mm.preparation.audit.report import write_report

from toys.audit_toys import clips_of, faster, smooth_clip


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
    assert (tmp_path / "out/exclude_______evil.txt").read_text() == "val0\n"
