"""The four benchmarks read their official lists, choose by them and say what they found.

Covers also masa_mm.datasets.sign_benchmark.
"""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from mmaction.registry import DATASETS

from masa_mm.datasets import MSASLPose, NMFsCSLPose, SLR500Pose, WLASLPose
from masa_mm.datasets.benchmarks import slr500_signer
from masa_mm.datasets.clip_selection import DatasetError
from masa_mm.datasets.official_lists import ListError, msasl_id
from masa_mm.errors import UserError
from masa_mm.preparation.convert import convert
from masa_mm.sources.wlasl import read_wlasl_hands

from toys.paths import SHARED
from toys.pose_toys import arrays, make_store

SHARED_DATA = SHARED / "data"
needs_data = pytest.mark.skipif(not SHARED_DATA.exists(), reason="../shared/data is not here")


def store_of(path, ids, label=None, **kwargs):
    clips = arrays([2] * len(ids))
    clips.update(ids=list(ids), label=label)
    glosses = [f"gloss{i}" for i in range(1 + max(label))] if label is not None else ()
    return make_store(path, **clips, **{"glosses": glosses, **kwargs})


def dump(path, content):
    Path(path).write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def test_all_are_registered():
    for name in ("WLASLPose", "MSASLPose", "NMFsCSLPose", "SLR500Pose"):
        assert name in DATASETS


# ---- WLASL -------------------------------------------------------------------------------------


@pytest.fixture
def wlasl(tmp_path):
    """Stores of six clips, and an official list of eight."""
    official = {
        "00001": dict(subset="train", action=[0, 1, 9]),
        "00002": dict(subset="train", action=[99, 1, 9]),
        "00003": dict(subset="train", action=[100, 1, 9]),
        "00004": dict(subset="val", action=[0, 1, 9]),
        "00005": dict(subset="test", action=[1, 1, 9]),
        "00006": dict(subset="train", action=[1, 1, 9]),  # not in the store
        "00007": dict(subset="val", action=[299, 1, 9]),
    }
    ids = ["00001", "00002", "00003", "00004", "00005", "00007", "99999"]
    label = [0, 99, 100, 0, 1, 299, 7]
    return dict(
        ann_file=store_of(tmp_path / "all.safetensors", ids, label, split=""),
        split_file=dump(tmp_path / "nslt_300.json", official),
        pipeline=[],
    )


def ids_of(dataset):
    return [clip["frame_dir"] for clip in dataset]


@pytest.mark.parametrize(
    "split, subset, ids, coverage",
    [
        ("train", 300, ["00001", "00002", "00003"], "WLASL300: 3 of 4 official train clips"),
        ("train", 100, ["00001", "00002"], "WLASL100: 2 of 3 official train clips"),
        ("val", 300, ["00004", "00007"], "WLASL300: 2 of 2 official val clips"),
        ("test", None, ["00005"], "WLASL300: 1 of 1 official test clips"),
        (
            "trainval",
            300,
            ["00001", "00002", "00003", "00004", "00007"],
            "WLASL300: 5 of 6 official trainval clips",
        ),
    ],
)
def test_wlasl_clips_are_those_of_the_official_list(wlasl, split, subset, ids, coverage):
    dataset = WLASLPose(**wlasl, split=split, subset=subset)
    assert ids_of(dataset) == ids and str(dataset.coverage) == coverage
    assert dataset.num_classes == (subset or 300) == len(dataset.metainfo["classes"])


def test_wlasl_labels_are_the_official_lists(wlasl, tmp_path):
    unlabelled = store_of(tmp_path / "b.safetensors", ["00002", "00003"])
    dataset = WLASLPose(**{**wlasl, "ann_file": unlabelled}, split="train", subset=300)
    assert dataset.labels.tolist() == [99, 100] and dataset[0]["label"] == 99


def test_labels_off_by_one_are_refused(wlasl, tmp_path):
    ann_file = store_of(tmp_path / "b.safetensors", ["00001", "00002"], [1, 100])
    with pytest.raises(DatasetError, match=r"clip '00001' has label 1, .* says 0 \(2 of 2"):
        WLASLPose(**{**wlasl, "ann_file": ann_file}, split="train")


def test_wlasl_v03_names_the_classes(tmp_path, wlasl):
    content = [
        dict(gloss=f"sign{i}", instances=[dict(video_id=f"0000{i}", split="train")])
        for i in range(100)
    ]
    path = tmp_path / "WLASL_v0.3.json.gz"
    path.write_bytes(gzip.compress(json.dumps(content).encode()))
    ann_file = store_of(tmp_path / "b.safetensors", ["00003", "00001"], [3, 1])
    dataset = WLASLPose(ann_file, [], split="train", subset=100, split_file=str(path))
    assert dataset[0]["gloss"] == "sign3" and dataset.metainfo["classes"][99] == "sign99"


def test_a_dataset_of_few_labels_keeps_the_coverage(wlasl):
    dataset = WLASLPose(**wlasl, split="train", subset=300, label_ratio=0.1)
    assert len(dataset) == 3 and dataset.coverage.found == 3


def test_without_an_official_list_the_stores_split_and_labels_hold(tmp_path):
    path = store_of(tmp_path / "a.safetensors", ["a", "b", "c"], [0, 150, 99], split="train")
    dataset = WLASLPose(path, [], split="train", subset=100)
    assert ids_of(dataset) == ["a", "c"] and dataset.coverage is None
    with pytest.raises(DatasetError, match="holds split 'train', not 'val'"):
        WLASLPose(path, [], split="val")


def refused(call, match, kind=DatasetError):
    with pytest.raises(kind, match=match) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1


def test_what_wlasl_refuses(wlasl, tmp_path):
    refused(lambda: WLASLPose(**wlasl, split="dev"), "no split 'dev'; it has train, val, test")
    refused(lambda: WLASLPose(**wlasl, subset=200), "no subset 200; it has 100, 300, 1000, 2000")
    refused(
        lambda: WLASLPose(**wlasl, split="train", subset=1000),
        "is the list of WLASL300; give that of WLASL1000",
    )
    other = store_of(tmp_path / "b.safetensors", ["x"], [0])
    refused(lambda: WLASLPose(**{**wlasl, "ann_file": other}, split="train"), "has no clip in")
    names = tmp_path / "classes.txt"
    names.write_text("book\ndrink\n")
    refused(
        lambda: WLASLPose(**wlasl, split="train", subset=100, class_list=str(names)),
        "names 2 classes, WLASL100 has 100",
    )


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04zip", b"", b"{", b"\x1f\x8bcut", b"[1]", b'{"a": 1}']
)
def test_a_list_that_is_none_is_refused(wlasl, tmp_path, content):
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    refused(lambda: WLASLPose(**{**wlasl, "split_file": str(path)}), str(path), ListError)
    refused(
        lambda: WLASLPose(**{**wlasl, "split_file": "gone.json"}), "no such list", FileNotFoundError
    )


def test_labels_beyond_the_benchmark_are_refused(wlasl, tmp_path):
    path = dump(tmp_path / "nslt.json", {"00001": dict(subset="train", action=[2000, 1, 2])})
    refused(
        lambda: WLASLPose(**{**wlasl, "split_file": path}, split="train"), "has label 2000, WLASL"
    )


# ---- MS-ASL ------------------------------------------------------------------------------------


def msasl(video, start, label):
    return dict(url=f"www.youtube.com/watch?v={video}", start=start, end=start + 9, label=label)


def test_msasl_reads_a_list_a_split(tmp_path):
    dump(tmp_path / "MSASL_train.json", [msasl("aaa", 0, 5), msasl("aaa", 30, 6)])
    dump(tmp_path / "MSASL_val.json", [msasl("bbb", 0, 150)])
    dump(tmp_path / "MSASL_classes.json", [f"sign{i}" for i in range(1000)])
    ids = ["aaa_0_9", "aaa_30_39", "bbb_0_9", "ccc_0_9"]
    store = store_of(tmp_path / "a.safetensors", ids)
    common = dict(
        data_root=str(tmp_path),
        split_file="MSASL_{split}.json",
        class_list="MSASL_classes.json",
        subset=200,
    )
    train = MSASLPose(store, [], split="train", **common)
    assert ids_of(train) == ids[:2] and train[1]["gloss"] == "sign6"
    both = MSASLPose(store, [], split="trainval", **common)
    assert both.labels.tolist() == [5, 6, 150]
    assert str(both.coverage) == "MSASL200: 3 of 3 official trainval clips"
    refused(lambda: MSASLPose(store, [], split="test", **common), "no such list", FileNotFoundError)
    refused(
        lambda: MSASLPose(
            store, [], split="trainval", **{**common, "split_file": "MSASL_train.json"}
        ),
        "is the list of one split",
    )


def test_msasl_clips_are_cut_out_of_whole_videos(tmp_path):
    """Files named by the YouTube id hold the whole video; one has frames enough for its clips."""
    entries = [msasl("aaa", 0, 5), msasl("aaa", 3, 6), msasl("bbb", 0, 7)]
    for entry, end in zip(entries, (2, 7, 3)):
        entry.update(end=end, signer_id=4)
    dump(tmp_path / "MSASL_train.json", entries)
    clips = arrays([7, 3])
    store = make_store(tmp_path / "a.safetensors", **clips | dict(ids=["aaa", "bbb_0_3"]))
    common = dict(split="train", split_file=str(tmp_path / "MSASL_train.json"))
    with pytest.raises(DatasetError, match="clip 'bbb_0_3' has label 1"):  # a clip, as it is
        MSASLPose(store, [], **common)
    unlabelled = dict(ids=["aaa", "bbb_0_3"], label=None, glosses=())
    store = make_store(tmp_path / "a.safetensors", **clips | unlabelled)
    dataset = MSASLPose(store, [], **common)
    assert str(dataset.coverage) == "MSASL1000: 3 of 3 official train clips"
    found = {clip["frame_dir"]: clip for clip in dataset}
    assert {name: clip["label"] for name, clip in found.items()} == dict(
        aaa_0_2=5, aaa_3_7=6, bbb_0_3=7
    )
    assert {clip["signer"] for clip in found.values()} == {4}
    assert len({clip["clip_id"] for clip in found.values()}) == 3
    stored = clips["keypoint"].astype(np.float16)
    for name, frames in dict(
        aaa_0_2=slice(0, 2), aaa_3_7=slice(3, 7), bbb_0_3=slice(7, 10)
    ).items():
        assert found[name]["total_frames"] == frames.stop - frames.start
        np.testing.assert_array_equal(found[name]["keypoint"][0], stored[frames])
        assert found[name]["keypoint_score"].shape == (1, frames.stop - frames.start, 49)
    assert dataset.num_frames.tolist() == [clip["total_frames"] for clip in dataset]


def test_a_clip_beyond_its_videos_end_is_named(tmp_path):
    dump(tmp_path / "MSASL_train.json", [msasl("aaa", 90, 5)])
    store = store_of(tmp_path / "a.safetensors", ["aaa"])
    dataset = MSASLPose(
        store, [], split="train", split_file=str(tmp_path / "MSASL_train.json"), subset=100
    )
    refused(lambda: dataset[0], "clip 'aaa_90_99' of video 'aaa': .* the video has 2")
    refused(lambda: dataset.num_frames, "clip 'aaa_90_99' of video 'aaa': .* the video has 2")


def test_msasl_ids_come_from_every_form_of_url():
    for url in ("www.youtube.com/watch?v=wX78", "https://www.youtube.com/watch?v=wX78&t=3s"):
        assert msasl_id(dict(url=url, start=0, end=59)) == "wX78_0_59"


# ---- SLR500 and NMFs-CSL -----------------------------------------------------------------------


def test_slr500_reads_its_csv_and_its_names(tmp_path):
    (tmp_path / "split.train.csv").write_text(
        "video_path,class_name\n000/P09_01_00_3._color.mp4,丈夫\n001/P04_01_00_4._color.mp4,公公\n",
        encoding="utf-8",
    )
    glosses = [f"g{i}" for i in range(498)] + ["公公", "丈夫"]
    (tmp_path / "glosses.txt").write_text("\n".join(glosses), encoding="utf-8")
    store = store_of(tmp_path / "a.safetensors", ["P04_01_00_4", "P09_01_00_3", "P41_01_00_1"])
    dataset = SLR500Pose(
        store,
        [],
        split="train",
        split_file="split.{split}.csv",
        class_list="glosses.txt",
        data_root=str(tmp_path),
    )
    assert dataset.labels.tolist() == [498, 499] and dataset[1]["gloss"] == "丈夫"
    assert str(dataset.coverage) == "SLR500: 2 of 2 official train clips"
    by_signer = [ids_of(SLR500Pose(store, [], split=split)) for split in ("train", "test")]
    assert by_signer == [["P04_01_00_4", "P09_01_00_3"], ["P41_01_00_1"]]
    refused(lambda: SLR500Pose(store, [], split="val"), "no val split: hold out part")
    other = store_of(tmp_path / "b.safetensors", ["video7"])
    refused(lambda: SLR500Pose(other, [], split="train"), "not named like SLR500's videos")


def slr500_files(tmp_path, signers=(1, 2, 35, 36, 37)):
    """A list of 35 train signers, as the published csv files, and one store of all clips."""
    names = [f"P{signer:02}_01_00_1" for signer in signers]
    for split, members in dict(train=names[:3], test=names[3:]).items():
        rows = [f"000/{name}._color.mp4,sign{i}" for i, name in enumerate(members)]
        (tmp_path / f"split.{split}.csv").write_text("video_path,class_name\n" + "\n".join(rows))
    (tmp_path / "glosses.txt").write_text("\n".join(f"sign{i}" for i in range(500)))
    store = store_of(tmp_path / "a.safetensors", names)
    lists = dict(split_file="split.{split}.csv", class_list="glosses.txt", data_root=str(tmp_path))
    return store, lists


def signers_of(dataset):
    return [clip["signer"] for clip in dataset]


def test_slr500_signers_decide_where_the_config_names_them(tmp_path):
    store, lists = slr500_files(tmp_path)

    def signers(split, **kwargs):
        return signers_of(SLR500Pose(store, [], split=split, **lists, **kwargs))

    assert signers("train") == [1, 2, 35] and signers("test") == [36, 37]
    paper = dict(train_signers=range(1, 37), val_signers=[2, 36])
    assert signers("train", **paper) == [1, 35] and signers("val", **paper) == [2, 36]
    assert signers("trainval", **paper) == [1, 2, 35, 36] and signers("test", **paper) == [37]
    assert signers("train", val_signers=[2]) == [1, 35] and signers("val", val_signers=[2]) == [2]
    for split, said in dict(
        train="2 of 2 official train (less held out)",
        val="1 of 1 official train (held out)",
        trainval="3 of 3 official train",
        test="2 of 2 official test",
    ).items():
        coverage = SLR500Pose(store, [], split=split, val_signers=[2], **lists).coverage
        assert str(coverage) == f"SLR500: {said} clips"


def test_slr500_holds_signers_out_without_a_list_too(tmp_path):
    store, _ = slr500_files(tmp_path)
    ids = {
        split: ids_of(SLR500Pose(store, [], split=split, val_signers=[2]))
        for split in ("train", "val", "trainval", "test")
    }
    assert [name[1:3] for name in ids["val"]] == ["02"]
    assert ids["trainval"] == sorted(ids["train"] + ids["val"]) and len(ids["train"]) == 3
    assert [name[1:3] for name in ids["test"]] == ["37"]


def test_slr500_cannot_hold_a_share_out_without_a_list(tmp_path):
    store, _ = slr500_files(tmp_path)
    refused(lambda: SLR500Pose(store, [], split="val", val_ratio=0.1), "give its list, split_file")


def test_names_of_videos():
    assert slr500_signer("000/P41_01_00_1._color.mp4") == 41
    assert slr500_signer("video7") == -1


def test_nmfs_csl_reads_the_users_lists(tmp_path):
    (tmp_path / "train.txt").write_text("videos/a1.mp4 0\nb2.avi 1066\n\n")
    store = store_of(tmp_path / "a.safetensors", ["a1", "b2", "c3"])
    common = dict(split="train", data_root=str(tmp_path))
    dataset = NMFsCSLPose(store, [], split_file="train.txt", **common)
    assert dataset.labels.tolist() == [0, 1066] and dataset.num_classes == 1067
    (tmp_path / "bad.txt").write_text("a1.mp4 0\nb2.avi\n")
    refused(
        lambda: NMFsCSLPose(store, [], split_file="bad.txt", **common), "line 2 is not", ListError
    )
    (tmp_path / "named.txt").write_text("a1.mp4,hello\n")
    refused(
        lambda: NMFsCSLPose(store, [], split_file="named.txt", **common),
        "class 'hello', which is not in the class list",
        ListError,
    )


def test_nmfs_csl_holds_a_share_of_each_class_out_of_train(tmp_path):
    names = [f"v{i}" for i in range(40)]
    rows = [f"{name}.mp4 {i % 2}" for i, name in enumerate(names)]
    store = store_of(tmp_path / "a.safetensors", names)
    common = dict(split_file="{split}.txt", data_root=str(tmp_path))

    def ids(split, rows=rows, val_ratio=0.1):
        (tmp_path / "train.txt").write_text("\n".join(rows))
        dataset = NMFsCSLPose(store, [], split=split, val_ratio=val_ratio, **common)
        return set(ids_of(dataset)), dataset

    val, dataset = ids("val")
    assert len(val) == 4 and dataset.labels.tolist().count(0) == 2
    train, _ = ids("train")
    assert train | val == set(names) == ids("trainval")[0] and not train & val
    assert ids("val", rows[::-1])[0] == val  # the list's order does not matter
    assert ids("train", val_ratio=0.0)[0] == set(names)
    refused(lambda: ids("val", val_ratio=0.0), r"no val split: .* val_ratio=0\.1")
    refused(lambda: ids("val", val_ratio=1.0), r"a number in \[0, 1\)", UserError)
    refused(lambda: NMFsCSLPose(store, [], split="train", val_ratio=0.1), "give its list")


# ---- the real files ----------------------------------------------------------------------------


@needs_data
@pytest.mark.parametrize("size, clips", [(100, 165), (300, 446), (1000, 1290), (2000, 2253)])
def test_real_wlasl_hands_clips(real_store, size, clips):
    hands = SHARED_DATA / "wlasl_hands"
    official = hands / f"nslt_{size}.json"
    dataset = WLASLPose(real_store, [], split="val", subset=size, split_file=str(official))
    assert len(dataset) == clips == dataset.coverage.found
    by_gloss = SHARED_DATA / "metadata" / "WLASL_v0.3.json.gz"
    same = WLASLPose(real_store, [], split="val", subset=size, split_file=str(by_gloss))
    assert ids_of_fast(same) == ids_of_fast(dataset)
    np.testing.assert_array_equal(same.labels, dataset.labels)


def ids_of_fast(dataset):
    return [dataset._poses[0].ids[number] for number in dataset.data_list]


@pytest.fixture(scope="module")
def real_store(tmp_path_factory):
    hands = SHARED_DATA / "wlasl_hands"
    path = tmp_path_factory.mktemp("real") / "val.safetensors"
    clips = read_wlasl_hands(
        hands / "wlasl_hands_val.npz", hands / "wlasl_class_list.txt", 1, "val"
    )
    report = convert(clips, path)
    assert report.num_clips == 2253 and not report.skipped
    return str(path)


@needs_data
def test_real_lists_of_the_other_benchmarks(tmp_path):
    metadata = SHARED_DATA / "metadata"
    entries = json.loads((metadata / "MSASL_test.json").read_text())
    chosen = [entries[i] for i in (0, 1000, 4171)]
    store = store_of(tmp_path / "a.safetensors", [msasl_id(entry) for entry in chosen])
    dataset = MSASLPose(
        store,
        [],
        split="test",
        split_file=str(metadata / "MSASL_{split}.json"),
        class_list=str(metadata / "MSASL_classes.json"),
    )
    assert dataset.labels.tolist() == [entry["label"] for entry in chosen]
    assert dataset[0]["gloss"] == chosen[0]["clean_text"]
    assert dataset.coverage.official == 4172
    store = store_of(tmp_path / "b.safetensors", ["P41_01_00_1", "P09_01_00_3"])
    dataset = SLR500Pose(
        store,
        [],
        split="test",
        split_file=str(metadata / "slr500_split.{split}.csv"),
        class_list=str(metadata / "slr500_gloss_label.txt"),
    )
    assert dataset[0]["gloss"] == "丈夫" and len(dataset) == 1
    assert dataset.coverage.official == 37500


# ---- class lists -------------------------------------------------------------------------------


def test_a_store_made_with_another_order_of_classes(tmp_path):
    """By the names of its classes it may agree with the official list."""
    classes = [f"sign{number}" for number in range(100)]
    (tmp_path / "classes.txt").write_text("\n".join(classes))
    swapped = [classes[1], classes[0], *classes[2:]]
    store = store_of(tmp_path / "a.safetensors", "ab", [0, 3], glosses=swapped)
    official = {name: dict(subset="train", action=[2 * n + 1, 0, 1]) for n, name in enumerate("ab")}
    lists = dict(
        split_file=dump(tmp_path / "nslt_100.json", official),
        class_list=str(tmp_path / "classes.txt"),
    )
    assert WLASLPose(store, [], subset=100, **lists).labels.tolist() == [1, 3]
    official["a"]["action"][0] = 0
    dump(tmp_path / "nslt_100.json", official)
    with pytest.raises(DatasetError, match=r"clip 'a' has label 1, .* says 0 \(1 of 2"):
        WLASLPose(store, [], subset=100, **lists)
    with pytest.raises(DatasetError, match=r"class 0 'sign1', which is class 1 of .*classes\.txt"):
        WLASLPose(store, [], subset=100, class_list=lists["class_list"])
