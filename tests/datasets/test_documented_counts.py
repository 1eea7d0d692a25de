"""The expected counts in docs/data/ are those of the official files."""

import re
from collections import Counter

import numpy as np
import pytest

from masa_mm.datasets.benchmarks import BENCHMARKS, MSASLPose, SLR500Pose, WLASLPose

from toys.paths import ROOT

SHARED = ROOT.parent / "shared" / "data"
METADATA = SHARED / "metadata"
needs_data = pytest.mark.skipif(not SHARED.exists(), reason="../shared/data is not here")


def rows(page):
    """Table rows of a page by their first cell; the numbers in the other cells."""
    text = (ROOT / "docs" / "data" / page).read_text(encoding="utf-8")
    cells = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return {
        first.strip(): [int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*", " ".join(rest))]
        for first, *rest in cells
    }


def found(name, split="train"):
    """The path of a list below METADATA, gzipped or not; '{split}' stands for the split."""
    path = next(iter(sorted(METADATA.rglob(f"{name}*"))), None)
    if path is None:
        pytest.skip(f"../shared/data/metadata has no {name}")
    return str(path.with_name(path.name.replace(split, "{split}")))


@needs_data
@pytest.mark.parametrize(
    "name, size",
    [(f"nslt_{size}.json", size) for size in WLASLPose.SUBSETS] + [("WLASL_v0.3.json", 2000)],
)
def test_wlasl(name, size):
    path = METADATA / f"{name}.gz" if name.startswith("WLASL") else SHARED / "wlasl_hands" / name
    official = WLASLPose.official_split(str(path))
    counts = Counter(clip.split for clip in official.clips)
    splits = [counts[split] for split in ("train", "val", "test")]
    assert rows("wlasl.md")[f"`{name}`"] == [size, *splits, sum(splits)]
    assert official.size == size


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_msasl(split):
    official = MSASLPose.official_split(found(f"MSASL_{split}.json", split), split)
    labels = np.array([clip.label for clip in official.clips])
    table = rows("msasl.md")
    for size in MSASLPose.SUBSETS:
        classes, *splits, everything = table[f"MS-ASL{size}"]
        assert (classes, sum(splits)) == (size, everything)
        assert splits[("train", "val", "test").index(split)] == (labels < size).sum()
    signers, videos = ({getattr(c, key) for c in official.clips} for key in ("signer", "videos"))
    assert table[split] == [len(signers), len(videos)]


@needs_data
def test_slr500():
    classes = SLR500Pose.read_classes(str(METADATA / "slr500_gloss_label.txt"))
    lists = str(METADATA / "slr500_split.{split}.csv")
    train, test = (SLR500Pose.official_split(lists, s, classes).clips for s in ("train", "test"))
    signers = np.array([clip.signer for clip in (*train, *test)])
    assert {clip.signer for clip in train} == set(range(1, 36))
    assert {clip.signer for clip in test} == set(range(36, 51))
    table = rows("slr500.md")
    assert table["the csv lists"][-2:] == [len(train), len(test)]
    in_train = (signers <= 36).sum()
    assert table["signers 1-36 of the csv lists"][-2:] == [in_train, (signers > 36).sum()]
    assert table["the paper's"][-2] - in_train == 55
    by_config = {
        key.split("`")[1]: numbers[-1] for key, numbers in table.items() if "split=" in key
    }
    assert by_config == {
        'split="train"': (signers <= 32).sum(),
        'split="val"': ((signers > 32) & (signers <= 36)).sum(),
        'split="trainval"': in_train,
        'split="test"': (signers > 36).sum(),
    }


LISTED = dict(
    autsl=("autsl", "train_labels.csv", "SignList_ClassId_TR_EN.csv"),
    gsl=("gsl", "train_greek_iso.csv", "iso_classes.csv"),
    include=("include", "train_include.csv", None),
    include50=("include", "train_include50.csv", None),
    bosphorus=("bosphorus", "BosphorusSign22k.csv", None),
    devisign=("devisign", "split.train.csv", None),
)
SIGNS = {name: BENCHMARKS[kind].NUM_CLASSES for name, (kind, *_) in LISTED.items()}


@pytest.mark.parametrize("name", LISTED)
def test_lists_that_are_tables(name):
    """Clips, signers (if the list has them) and signs of each split, counted in the lists."""
    name_of_kind, listed, class_list = LISTED[name]
    kind, path = BENCHMARKS[name_of_kind], found(listed)
    classes = class_list and kind.read_classes(found(class_list))
    table = rows(f"{name_of_kind}.md")
    prefix = "INCLUDE-50 " if name == "include50" else ""
    splits = [split for split, members in kind.SPLITS.items() if members == (split,)]
    signers_of = []
    for split in (*splits, None):
        official = kind.official_split(path, split, classes)
        signers = {clip.signer for clip in official.clips} - {-1}
        counted = [len(official.clips), len(signers), len({c.label for c in official.clips})]
        assert table.get(f"{prefix}{split or 'all'}") == [number for number in counted if number]
        assert official.size == (SIGNS | dict(include50=50))[name]
        signers_of += [signers] if split else []
    shared = set.union(*(a & b for n, a in enumerate(signers_of) for b in signers_of[:n]))
    assert shared == ({3} if name == "gsl" else set())


@needs_data
def test_include50_is_spread_over_the_splits_of_include():
    lists = [found(f"train_{name}.csv") for name in ("include", "include50")]
    (train, test), (train50, test50) = (
        [
            {clip.id for clip in BENCHMARKS["include"].official_split(path, split).clips}
            for split in ("train", "test")
        ]
        for path in lists
    )
    assert train50 | test50 <= train | test
    assert (len(test50 & train), len(test50)) == (159, 192)
    assert "159 of its 192 test clips" in (ROOT / "docs/data/include.md").read_text("utf-8")


@needs_data
def test_asl_citizen_reads_the_rows_of_its_list(tmp_path):
    """Their glosses are in the vocabulary; file names do not follow them."""
    folder = METADATA / "asl_citizen"
    rows_of_train = (folder / "train_excerpt.csv").read_bytes()
    for split in ("train", "val", "test"):
        other = rows_of_train.replace(b".mp4", f"-{split}.mp4".encode())
        (tmp_path / f"{split}.csv").write_bytes(other)
    kind = BENCHMARKS["asl_citizen"]
    official = kind.official_split(str(tmp_path / "{split}.csv"), "test")
    vocabulary = (folder / "vocab.csv").read_text("utf-8").splitlines()[1:]
    assert len(set(vocabulary)) == kind.NUM_CLASSES == rows("asl_citizen.md")["test"][-1]
    assert set(official.classes) <= set(vocabulary)
    gloss_of = {clip.id: official.classes[clip.label] for clip in official.clips}
    assert gloss_of["9717397360056315-ALL GONE-test"] == "ALLGONE"
    assert gloss_of["03681771406333234-THIS-IT-test"] == "THIS/IT"
    assert gloss_of["4.7299129501965353e-7-seedSOUR-test"] == "SOUR"
