"""Benchmarks whose lists are tables: what each reads from twins of its official list.

Covers also masa_mm.datasets.held_out_split.
"""

import gzip

import pytest
from mmaction.registry import DATASETS

from masa_mm.datasets import (
    ASLCitizenPose,
    AUTSLPose,
    BosphorusSign22kPose,
    DEVISIGNPose,
    GSLPose,
    INCLUDEPose,
    LSA64Pose,
)
from masa_mm.datasets.benchmarks import BENCHMARKS
from masa_mm.datasets.clip_selection import DatasetError
from masa_mm.datasets.official_lists import ListError
from masa_mm.preparation.extraction.plan import plan_benchmark

from toys.list_toys import LIST_TWINS, write
from toys.pose_toys import arrays, make_store

LISTS = dict(
    csv="signs.csv",
    asl_citizen="splits/{split}.csv",
    autsl="{split}_labels.csv",
    gsl="{split}_greek_iso.csv",
    include="{split}_include.csv",
    bosphorus="BosphorusSign22k.csv",
    devisign="split.{split}.csv",
    lsa64="lsa64_signs.md",
)
CLASS_LISTS = dict(autsl="SignList_ClassId_TR_EN.csv", gsl="iso_classes.csv")
SIGNERS = dict(
    asl_citizen={10, 11, 12},
    autsl={0, 1, 2},
    gsl={1, 2, 3},
    include={-1},
    bosphorus={2, 3, 4, 7},
    devisign={1, 3, 4, 6},
    lsa64=set(range(1, 11)),
)
each_list = pytest.mark.parametrize("name", LIST_TWINS)


def read(folder, name, split=None):
    kind, twin = BENCHMARKS[name], LIST_TWINS[name](folder)
    classes = kind.read_classes(str(folder / CLASS_LISTS[name])) if name in CLASS_LISTS else None
    return kind.official_split(str(folder / LISTS[name]), split, classes), twin


def store(path, ids):
    clips = arrays([2] * len(ids)) | dict(ids=list(ids), label=None, glosses=())
    return make_store(path, **clips, split="")


@each_list
def test_ids_classes_and_signers(name, tmp_path):
    official, twin = read(tmp_path, name)
    assert official.classes == twin.classes and official.size == len(twin.classes)
    listed = {clip.id for clip in official.clips}
    assert len(listed) == len(official.clips)
    assert listed == {clip for ids in twin.ids.values() for clip in ids if not clip.endswith("?")}
    assert {clip.signer for clip in official.clips} == SIGNERS.get(name, {0, 1, 2})
    assert {clip.label for clip in official.clips} == set(range(len(twin.classes)))
    assert name == "csv" or type(BENCHMARKS[name].NUM_CLASSES) is int
    assert BENCHMARKS[name].__name__ in DATASETS


@each_list
def test_splits(name, tmp_path):
    test, twin = read(tmp_path, name, "test")
    assert sorted(clip.id for clip in test.clips) == sorted(twin.ids["test"])
    train, _ = read(tmp_path, name, "train")
    assert not {clip.id for clip in train.clips} & set(twin.ids["test"])


@each_list
def test_a_list_without_another_splits_list_is_refused(name, tmp_path):
    """Its labels would be those of fewer classes."""
    LIST_TWINS[name](tmp_path)
    if "{split}" not in LISTS[name] or name == "autsl":  # AUTSL's lists have numbers
        return
    (tmp_path / LISTS[name].replace("{split}", "test")).unlink()
    with pytest.raises(FileNotFoundError, match="no such list for test"):
        BENCHMARKS[name].official_split(str(tmp_path / LISTS[name]), "train")


@pytest.mark.parametrize("zipped", [("train",), ("train", "test")])
def test_lists_are_found_with_and_without_gz(tmp_path, zipped):
    LIST_TWINS["devisign"](tmp_path)
    names = [str(tmp_path / name) for name in ("split.{split}.csv", "split.{split}.csv.gz")]
    plain = DEVISIGNPose.official_split(names[0], "test")
    for split in zipped:
        path = tmp_path / f"split.{split}.csv"
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert [DEVISIGNPose.official_split(name, "test") for name in names] == [plain, plain]


def test_devisign_takes_names_from_its_table_only(tmp_path):
    LIST_TWINS["devisign"](tmp_path)
    names = DEVISIGNPose.read_classes(str(tmp_path / "DEVISIGN_L.txt"))
    official = DEVISIGNPose.official_split(str(tmp_path / "split.{split}.csv"), "test", names)
    assert official.classes == ["人", "0", "1"]
    assert [clip.label for clip in official.clips] == [0, 1, 2]


def test_include50_takes_clips_and_labels_of_both_stores_of_include(tmp_path):
    """Its splits are not parts of INCLUDE's, and its labels are others."""
    names = dict(train="Places/19. House/Extra/MVI_3", test="Animals/4. Bird/MVI_2")
    for split, path in names.items():
        row = f"Any,{path.split('/')[1]},{path.rsplit('/', 1)[1]}.MOV,{path}.MOV"
        write(tmp_path, f"{split}_include50.csv", ["Category,Word,Video,FilePath", row])
    clips = dict(
        train=dict(ids=["19. House/Extra/MVI_3", "Animals/4. Bird/MVI_2"], label=[1, 2]),
        test=dict(ids=["Animals/1. Bear/MVI_1"], label=[0]),
    )
    glosses = ["1. Bear", "19. House", "4. Bird"]
    files = []
    for split, content in clips.items():
        files.append(str(tmp_path / f"{split}.safetensors"))
        frames = arrays([2] * len(content["ids"]))
        make_store(files[-1], **frames | content, glosses=glosses, split=split)
    lists = str(tmp_path / "{split}_include50.csv")
    for split, number in dict(train=0, test=1).items():
        (clip,) = INCLUDEPose(files, [], split=split, split_file=lists)
        assert (clip["frame_dir"], clip["label"]) == (clips["train"]["ids"][number], number)


VIDEOS = dict(
    csv="videos/0/train0.mp4",
    asl_citizen="videos/0.7299129501965353e-0-seed.mp4",
    autsl="train/signer0_sample1_color.mp4",
    gsl="health0_signer1_rep3_glosses/glosses0000/frame_0000.jpg",
    include="INCLUDE/Animals/4. Bird/MVI_0.MOV",
    bosphorus="mp4/0004/User_2_001.mp4",
    devisign="P01_1/P01_0000_1_0_20130601.oni/P01_0000_1_0_20130601.oni/color.avi",
    lsa64="all/001_001_001.mp4",
)


@each_list
def test_extraction_finds_the_videos(name, tmp_path):
    LIST_TWINS[name](tmp_path)
    video = tmp_path / "v" / VIDEOS[name]
    other = tmp_path / "v" / "other" / video.name
    for path in (video, other):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    if name not in ("gsl", "include", "bosphorus", "devisign"):
        other.unlink()  # its file names are unique, so that one would be ambiguous
    classes = str(tmp_path / CLASS_LISTS[name]) if name in CLASS_LISTS else None
    plan = plan_benchmark([tmp_path / "v"], name, str(tmp_path / LISTS[name]), "train", classes)
    (job,) = plan.jobs
    assert job.label >= 0 and job.video == (video.parent if name == "gsl" else video)


def test_the_videos_name_is_an_id_too(tmp_path):
    """Poses that were made from the videos carry their names."""
    twin = LIST_TWINS["autsl"](tmp_path)
    path = store(tmp_path / "a.safetensors", [f"{name}_color" for name in twin.ids["train"]])
    dataset = AUTSLPose(
        path,
        [],
        split="train",
        split_file="{split}_labels.csv",
        class_list="SignList_ClassId_TR_EN.csv",
        data_root=str(tmp_path),
    )
    assert [clip["frame_dir"] for clip in dataset] == twin.ids["train"]
    assert dataset.labels.tolist() == [0, 1, 2] and dataset[2]["gloss"] == "acikmak"


# ---- held out ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "option"),
    [
        (INCLUDEPose, "include", dict(val_ratio=0.1)),
        (BosphorusSign22kPose, "bosphorus", dict(val_signers=[7])),
        (DEVISIGNPose, "devisign", dict(val_signers=[4])),
    ],
)
def test_val_is_held_out_of_train(kind, name, option, tmp_path):
    twin = LIST_TWINS[name](tmp_path)
    ids = [clip for clips in twin.ids.values() for clip in clips if not clip.endswith("?")]
    path = store(tmp_path / "a.safetensors", ids)
    common = dict(pipeline=[], split_file=LISTS[name], data_root=str(tmp_path))

    def clips(split, **options):
        dataset = kind(path, split=split, **common, **options)
        assert dataset.num_classes == len(twin.classes)
        return {clip["frame_dir"] for clip in dataset}

    train, val, test = (clips(split, **option) for split in ("train", "val", "test"))
    assert len(val) == len(twin.ids["val"]) and test == set(twin.ids["test"])
    assert train | val == clips("trainval", **option) == clips("train")
    assert not train & val and not (train | val) & test
    with pytest.raises(DatasetError, match=rf"no val split: .*{next(iter(option))}="):
        clips("val")
    assert " train (held out) clips" in str(kind(path, split="val", **common, **option).coverage)


# ---- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "lists", "said"),
    [
        (
            ASLCitizenPose,
            {f"{s}.csv": ["Video file,Gloss", "a.mp4,DOG", "b/a.mp4,DOG"] for s in ("val", "test")}
            | {"train.csv": ["file,word", "a.mp4,DOG"]},
            r"train\.csv: its first line names no column 'Video file'",
        ),
        (
            AUTSLPose,
            {"train.csv": ["signer0_sample1,41", "sample2,3"]},
            r"line 2 has 'sample2', a name without a signer",
        ),
        (
            GSLPose,
            {f"{split}.csv": ["a_signer1_x/g0,ΝΑΙ"] for split in ("train", "val", "test")},
            r"train\.csv: line 1 has 1 cells, the list has 2 columns",
        ),
        (
            DEVISIGNPose,
            {f"{split}.csv": ["video_path,class_name", "P06.oni,x"] for split in ("train", "test")},
            "line 2 has 'P06.oni', a name without a label",
        ),
    ],
)
def test_a_list_of_another_kind_is_refused(kind, lists, said, tmp_path):
    for name, lines in lists.items():
        write(tmp_path, name, lines)
    with pytest.raises(ListError, match=said):
        kind.official_split(str(tmp_path / "{split}.csv"), "train")


def test_lists_in_one_file_are_refused(tmp_path):
    write(tmp_path, "BosphorusSign22k.csv", ["SubsetID,ClassID,UserID", "General,0004,User_2"])
    with pytest.raises(ListError, match="names no column 'RepeatID'"):
        BosphorusSign22kPose.official_split(str(tmp_path / "BosphorusSign22k.csv"))
    write(tmp_path, "signs.md", ["01|Opaque|R|", "03|Red|R|"])
    with pytest.raises(ListError, match=r"line 2 is not the number and name of sign 2, '02\|name"):
        LSA64Pose.official_split(str(tmp_path / "signs.md"))
    write(tmp_path, "classes.csv", ["ClassId,TR,EN", "0,abla,sister", "2,acele,hurry"])
    with pytest.raises(ListError, match="line 3 has label '2' and name 'acele'; labels count"):
        AUTSLPose.read_classes(str(tmp_path / "classes.csv"))
    write(tmp_path, "classes.csv", ["abla", "acele"])
    with pytest.raises(ListError, match="no table of classes with the columns 'ClassId' and 'TR'"):
        AUTSLPose.read_classes(str(tmp_path / "classes.csv"))
