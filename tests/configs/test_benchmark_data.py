"""configs/_base_/datasets of the four benchmarks: they read what docs/data/ tells to put there."""

import json

import pytest
from mmaction.registry import DATASETS, METRICS
from mmengine.config import Config

import masa_mm  # noqa: F401
from masa_mm.datasets.benchmarks import BENCHMARKS

from toys.paths import ROOT
from toys.pose_toys import arrays, make_store

LOADERS = dict(train="train_dataloader", val="val_dataloader", test="test_dataloader")
each_benchmark = pytest.mark.parametrize("name", BENCHMARKS)


def load(name):
    return Config.fromfile(ROOT / "configs" / "_base_" / "datasets" / f"{name}.py")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def store(folder, name, split, ids):
    clips = arrays([2] * len(ids)) | dict(ids=ids, label=None)
    make_store(folder / f"{name}_{split}.safetensors", **clips, split=split, glosses=())


def csv_files(folder):
    rows = [f"{split}{i}.mp4,sign{i},{split}" for split in LOADERS for i in range(3)]
    write(folder / "signs.csv", "\n".join(["path,gloss,split", *rows]))
    for split in LOADERS:
        store(folder, "signs", split, [f"{split}{i}" for i in range(3)])


def wlasl_files(folder):
    official = {}
    for split in LOADERS:
        store(folder, "wlasl", split, [f"{split}{i}" for i in range(3)])
        official |= {f"{split}{i}": dict(subset=split, action=[i, 1, 2]) for i in range(3)}
    write(folder / "nslt_100.json", json.dumps(official))


def msasl_files(folder):
    for split in LOADERS:
        store(folder, "msasl", split, [f"{split}_0_{i + 2}" for i in range(3)])
        url = f"www.youtube.com/watch?v={split}"
        entries = [dict(url=url, start=0, end=i + 2, label=i) for i in range(3)]
        write(folder / f"MSASL_{split}.json", json.dumps(entries))
    write(folder / "MSASL_classes.json", json.dumps([f"sign{i}" for i in range(1000)]))


def nmfs_csl_files(folder):
    """Ten train clips of one sign: one is held out."""
    write(folder / "nmfs_csl_classes.txt", "\n".join(f"sign{i}" for i in range(1067)))
    for split, clips in dict(train=10, test=3).items():
        ids = [f"{split}{i}" for i in range(clips)]
        store(folder, "nmfs_csl", split, ids)
        write(folder / f"nmfs_csl_{split}.txt", "\n".join(f"{name}.mp4 7" for name in ids))


def slr500_files(folder):
    """The published lists have signer 36 in their test."""
    write(folder / "slr500_gloss_label.txt", "\n".join(f"sign{i}" for i in range(500)))
    for split, signers in dict(train=(1, 2, 3, 35), test=(36, 37, 38, 39)).items():
        ids = [f"P{signer:02}_01_00_0" for signer in signers]
        store(folder, "slr500", split, ids)
        rows = "".join(f"000/{name}._color.mp4,sign9\n" for name in ids)
        write(folder / f"slr500_split.{split}.csv", f"video_path,class_name\n{rows}")


FILES = dict(
    csv=csv_files,
    wlasl=wlasl_files,
    msasl=msasl_files,
    nmfs_csl=nmfs_csl_files,
    slr500=slr500_files,
)
SIZES = dict(
    csv=(3, 3, 3), wlasl=(3, 3, 3), msasl=(3, 3, 3), nmfs_csl=(9, 1, 3), slr500=(3, 2, 3)
)  # slr500: 1-3 train; 35, 36 held out; 37-39 test


@each_benchmark
def test_reads_the_official_files_and_shares_no_clip(name, tmp_path):
    FILES[name](tmp_path / "data" / ("signs" if name == "csv" else name))
    cfg = load(name)
    clips = {}
    for split, loader in LOADERS.items():
        data = dict(cfg[loader].dataset, data_root=str(tmp_path), pipeline=[])
        dataset = DATASETS.build(data)
        assert isinstance(dataset, BENCHMARKS[name]) and dataset.coverage.found == len(dataset)
        clips[split] = {clip["frame_dir"] for clip in dataset}
        assert len(clips[split]) == len(dataset)
        assert dataset.test_mode == (split != "train")
        assert dataset.num_classes == dict(wlasl=100, csv=3).get(name, BENCHMARKS[name].NUM_CLASSES)
    assert tuple(map(len, clips.values())) == SIZES[name]
    assert len(set.union(*clips.values())) == sum(SIZES[name])


@each_benchmark
def test_takes_its_clips_as_the_paper(name):
    cfg, common = load(name), load("sign_finetune")
    for split, loader in LOADERS.items():
        pipeline = common.train_pipeline if split == "train" else common.test_pipeline
        assert cfg[loader].dataset.pipeline == pipeline
        assert cfg[loader].batch_size == common[loader].batch_size


@pytest.mark.parametrize("lists", [(), ("confusing",), ("confusing", "normal")])
def test_nmfs_csl_scores_its_class_lists_apart_where_they_are(tmp_path, monkeypatch, lists):
    for subset in lists:
        write(tmp_path / "data" / "nmfs_csl" / f"{subset}.txt", "3\n5\n")
    monkeypatch.chdir(tmp_path)
    cfg = load("nmfs_csl")
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        assert tuple(METRICS.build(evaluator).subsets) == lists
