"""Signs that a CSV file lists, from the list to the dataset and through the tools."""

import pytest

from masa_mm.datasets import CSVPose
from masa_mm.datasets.benchmarks import BENCHMARKS
from masa_mm.datasets.clip_selection import DatasetError
from masa_mm.datasets.official_lists import ListError

from toys.pose_toys import arrays, make_store

SIGNS = """path,gloss,signer,split
videos/hello/01.mp4,hello,Ann,train
videos/thanks/02.mp4,thanks,Bob,train
videos/hello/03.mp4,hello,Cid,val
videos/please/04.mp4,please,Dan,test
"""


def store(path, ids, label=None, glosses=()):
    clips = arrays([2] * len(ids)) | dict(ids=list(ids), label=label, glosses=glosses)
    return make_store(path, **clips, split="")


@pytest.fixture
def signs(tmp_path):
    (tmp_path / "signs.csv").write_text(SIGNS)
    return dict(
        ann_file=store(tmp_path / "all.safetensors", ["01", "02", "03", "04", "05"]),
        pipeline=[],
        split_file="signs.csv",
        data_root=str(tmp_path),
    )


def clips_of(dataset):
    return [(clip["frame_dir"], clip["label"], clip["signer"]) for clip in dataset]


def test_the_list_chooses_clips_labels_and_signers(signs):
    train, test = (CSVPose(**signs, split=split) for split in ("train", "test"))
    assert clips_of(train) == [("01", 0, 0), ("02", 2, 1)] and train[1]["gloss"] == "thanks"
    assert clips_of(test) == [("04", 1, 3)] and test.num_classes == 3
    assert train.metainfo["classes"] == ["hello", "please", "thanks"]
    assert str(train.coverage) == "CSV: 2 of 2 listed train clips"
    assert str(CSVPose(**signs).coverage) == "CSV: 4 of 4 listed clips"
    assert len(CSVPose(**signs, split="trainval")) == 3 and len(CSVPose(**signs)) == 4
    assert BENCHMARKS["csv"] is CSVPose


def test_a_file_per_split(signs, tmp_path):
    (tmp_path / "s_train.csv").write_text("file,word\n01.mp4,b\n")
    (tmp_path / "s_test.csv").write_text("file,word\n02.mp4,a\n")
    options = signs | dict(split_file="s_{split}.csv")
    assert clips_of(CSVPose(**options, split="train")) == [("01", 1, -1)]
    assert clips_of(CSVPose(**options, split="test")) == [("02", 0, -1)]
    with pytest.raises(DatasetError, match=r"s_\{split\}\.csv: has no clip of split 'val'"):
        CSVPose(**options, split="val")
    with pytest.raises(DatasetError, match="does not say the split of clip '01'; add a column"):
        CSVPose(**options | dict(split_file="s_train.csv"), split="train")


def test_a_class_list_and_stores_of_another_order(signs, tmp_path):
    (tmp_path / "classes.txt").write_text("thanks\nplease\nhello\nno\n")
    dataset = CSVPose(**signs, split="train", class_list="classes.txt")
    assert dataset.labels.tolist() == [2, 0] and dataset.num_classes == 4
    names = ["thanks", "hello", "please"]
    other = store(tmp_path / "b.safetensors", ["01", "02"], [1, 0], names)
    dataset = CSVPose(**signs | dict(ann_file=other), split="train")
    assert dataset.labels.tolist() == [0, 2]  # by name they agree
    other = store(tmp_path / "b.safetensors", ["01", "02"], [0, 1], names)
    with pytest.raises(DatasetError, match=r"clip '01' has label 2, .* says 0"):
        CSVPose(**signs | dict(ann_file=other), split="train")
    other = store(tmp_path / "b.safetensors", ["01", "02"], [1, 0], ["0", "1"])
    with pytest.raises(DatasetError, match=r"clip '01' has label 1, .* says 0"):
        CSVPose(**signs | dict(ann_file=other), split="train")


def test_poses_may_have_more_folders_in_their_ids(signs, tmp_path):
    """Converters name a clip by as much of its path as they need."""
    other = store(tmp_path / "b.safetensors", ["hello/01", "videos/thanks/02", "please/04"])
    dataset = CSVPose(**signs | dict(ann_file=other), split="train")
    assert clips_of(dataset) == [("01", 0, 0), ("02", 2, 1)]


def test_a_list_of_other_clips_names_a_clip_of_both(signs, tmp_path):
    other = store(tmp_path / "b.safetensors", ["hello_01"])
    with pytest.raises(
        DatasetError, match=r"first clip of .*signs\.csv is '01', theirs is 'hello_01'"
    ):
        CSVPose(**signs | dict(ann_file=other), split="train")


def test_a_gloss_outside_the_class_list(signs, tmp_path):
    (tmp_path / "classes.txt").write_text("hello\nplease\n")
    with pytest.raises(ListError, match="line 3 has gloss 'thanks', which is not in the class"):
        CSVPose(**signs, split="train", class_list="classes.txt")
