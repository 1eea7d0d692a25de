"""The expected counts in docs/data/ are those of the official files."""

import re
from collections import Counter

import numpy as np
import pytest

from masa_mm.datasets.benchmarks import MSASLPose, SLR500Pose, WLASLPose

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


@needs_data
def test_msasl():
    official = MSASLPose.official_split(str(METADATA / "MSASL_{split}.json"), "test")
    labels = np.array([clip.label for clip in official.clips])
    table = rows("msasl.md")
    for size in MSASLPose.SUBSETS:
        classes, train, val, test, everything = table[f"MS-ASL{size}"]
        assert (classes, test) == (size, (labels < size).sum())
        assert train + val + test == everything


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
