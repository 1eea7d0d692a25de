"""The list and the config that are written, and clips that stores hold already."""

import numpy as np
import pytest

from masa_mm.datasets import CSVPose, write_store
from masa_mm.datasets.clip_selection import DatasetError
from masa_mm.preparation.new_dataset.clips import NewDatasetError, SignClip
from masa_mm.preparation.new_dataset.files import (
    batch_size,
    clips_in_store,
    clips_of_stores,
    write_config,
    write_list,
)

GLOSSES = ["thanks", "hello"]  # not in alphabetical order


def store(path, ids, label, split="", signer=None, glosses=GLOSSES):
    score = np.ones((len(ids), 49))
    write_store(
        path,
        np.full((len(ids), 49, 2), 0.5),
        score,
        [1] * len(ids),
        ids,
        label=label,
        signer=signer,
        source="mine",
        split=split,
        glosses=glosses,
    )
    return path


def test_labelled_stores_tell_labels_signers_and_parts(tmp_path):
    train = store(tmp_path / "a.safetensors", ["1", "2"], [0, 1], "train", [7, -1])
    val = store(tmp_path / "b.safetensors", ["3"], [1], "val")
    clips = clips_of_stores([train, val])
    assert (clips.ids, clips.signer) == (["1", "2", "3"], ["7", "", ""])
    assert clips.label.tolist() == [0, 1, 1] and clips.split == ["train", "train", "val"]
    other = store(tmp_path / "c.safetensors", ["3"], [1], "held out")
    assert clips_of_stores([other]).split == [""]


def test_stores_that_do_not_fit_are_refused(tmp_path):
    first = store(tmp_path / "a.safetensors", ["1", "2"], [0, 1])
    for name, ids, label, glosses, message in (
        ("b", ["2"], [0], GLOSSES, "1 clips are in two stores"),
        ("c", ["3"], [-1], GLOSSES, "1 of 3 clips have no label"),
        ("d", ["3"], [0], ["hello"], "class list is not that of"),
    ):
        other = store(tmp_path / f"{name}.safetensors", ids, label, glosses=glosses)
        with pytest.raises((NewDatasetError, DatasetError), match=message):
            clips_of_stores([first, other])


def test_the_list_chooses_the_clips_of_the_store(tmp_path):
    """CSVPose reads it, whatever the order of the store's classes."""
    path = store(tmp_path / "a.safetensors", ["x/1", "x/2", "y/1"], [0, 1, 1])
    clips = clips_of_stores([path])._replace(signer=["Ann", "Ann", ""])
    write_list(tmp_path / "a.csv", clips, np.array([0, 0, 1]))
    assert (tmp_path / "a.csv").read_text().splitlines() == [
        "id,gloss,label,signer,split",
        "x/1,thanks,0,Ann,train",
        "x/2,hello,1,Ann,train",
        "y/1,hello,1,,val",
    ]
    chosen = dict(split_file=str(tmp_path / "a.csv"), pipeline=[])
    train, val = (CSVPose(str(path), split=split, **chosen) for split in ("train", "val"))
    assert train.labels.tolist() == [0, 1] and val.labels.tolist() == [1]
    assert [train[i]["frame_dir"] for i in range(2)] == ["x/1", "x/2"]
    assert str(val.coverage) == "CSV: 1 of 1 listed val clips"


def test_clips_that_the_store_left_out_are_not_listed(tmp_path):
    path = store(tmp_path / "a.safetensors", ["x/1", "y/1"], [0, 1])
    names = dict(x="thanks", y="hello")
    clips = [SignClip(f"{x}/{n}", names[x], path, "Ann") for n in (1, 2) for x in names]
    kept = clips_in_store(path, clips)
    assert kept.ids == ["x/1", "y/1"] and kept.signer == ["Ann", "Ann"]


def test_a_sign_without_clips_is_refused(tmp_path):
    path = store(tmp_path / "a.safetensors", ["x/1"], [0])
    with pytest.raises(NewDatasetError, match="sign 'hello' has no good clip"):
        clips_in_store(path, [SignClip("x/1", "thanks", path)])


def config(tmp_path, stores, num_classes, **sizes):
    """Execute the written config without its bases."""
    write_config(tmp_path / "new.py", stores, tmp_path / "a.csv", num_classes, sizes)
    values: dict = {}
    exec((tmp_path / "new.py").read_text(encoding="utf-8"), values)
    return values


def test_the_config_names_files_parts_and_classes(tmp_path):
    names = [tmp_path / 'a"ä.safetensors', tmp_path / "b.safetensors"]
    cfg = config(tmp_path, names, 12, train=63, val=9, test=9)
    assert cfg["train_dataloader"]["dataset"] == dict(
        split="train", ann_file=[str(name) for name in names], split_file=str(tmp_path / "a.csv")
    )
    assert cfg["val_dataloader"]["dataset"]["split"] == "val"
    assert cfg["test_dataloader"]["dataset"]["split"] == "test"
    assert cfg["model"]["cls_head"]["num_classes"] == 12
    assert all(base.startswith("masa_mm::_base_/") for base in cfg["_base_"])
    assert len((tmp_path / "new.py").read_text().splitlines()) < 20


@pytest.mark.parametrize(
    ("sizes", "val", "test"),
    [(dict(val=3, test=0), "val", "val"), (dict(val=0, test=3), "test", "test")],
)
def test_a_missing_part_is_replaced(tmp_path, sizes, val, test):
    cfg = config(tmp_path, [tmp_path / "a.safetensors"], 3, train=5, **sizes)
    assert cfg["val_dataloader"]["dataset"]["split"] == val
    assert cfg["test_dataloader"]["dataset"]["split"] == test
    assert cfg["train_dataloader"]["batch_size"] == 5


@pytest.mark.parametrize(("clips", "size"), [(3, 3), (60, 8), (600, 20), (9000, 32)])
def test_batches(clips, size):
    assert batch_size(clips) == size
