"""configs/_base_/datasets of the benchmarks: they read what docs/data/ tells to put there."""

import json
from functools import partial

import pytest
from mmaction.registry import DATASETS, METRICS
from mmengine.config import Config

import masa_mm  # noqa: F401
from masa_mm.datasets.benchmarks import BENCHMARKS

from toys.list_toys import LIST_TWINS
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


def listed_files(name, folder):
    """A twin of the official list; val is in the store of train where it is held out."""
    twin = LIST_TWINS[name](folder)
    held_out = name in ("include", "bosphorus", "devisign")
    for split, ids in twin.ids.items():
        if held_out and split == "train":
            ids = ids + [clip for clip in twin.ids["val"] if not clip.endswith("?")]
        if not (held_out and split == "val"):
            store(folder, folder.name, split, ids)


PAPER = dict(wlasl=wlasl_files, msasl=msasl_files, nmfs_csl=nmfs_csl_files, slr500=slr500_files)
FILES = PAPER | {name: partial(listed_files, name) for name in LIST_TWINS}
# slr500: 1-3 train; 35, 36 held out; 37-39 test
SIZES = dict(wlasl=(3, 3, 3), msasl=(3, 3, 3), nmfs_csl=(9, 1, 3), slr500=(3, 2, 3))
SIZES |= dict(csv=(3, 3, 3), asl_citizen=(3, 3, 3), autsl=(3, 3, 3), gsl=(3, 3, 3))
SIZES |= dict(include=(14, 2, 2), bosphorus=(12, 6, 6), devisign=(6, 3, 3), lsa64=(80, 10, 10))
# Lists that name their classes decide their number.
CLASSES = dict.fromkeys(LIST_TWINS, 3) | dict(include=2, lsa64=2, wlasl=100)


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
        assert dataset.num_classes == CLASSES.get(name, BENCHMARKS[name].NUM_CLASSES)
    assert tuple(map(len, clips.values())) == SIZES[name]
    assert len(set.union(*clips.values())) == sum(SIZES[name])


@pytest.mark.parametrize("name", [name for name in LIST_TWINS if name != "csv"])
def test_the_head_has_the_benchmarks_classes(name):
    cfg = Config.fromfile(ROOT / "configs" / f"masa_finetune_{name}.py")
    assert cfg.model.cls_head.num_classes == BENCHMARKS[name].NUM_CLASSES
    assert BENCHMARKS[name].__name__ == cfg.train_dataloader.dataset.type


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
