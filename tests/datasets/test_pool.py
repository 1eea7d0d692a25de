"""Sets of signs pooled for pretraining: labels, missing files, and what an epoch takes of each."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmaction.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import DATA_SAMPLERS, init_default_scope
from torch.utils.data import DataLoader

from masa_mm.datasets import PooledSigns, PoolSampler, pad_clips
from masa_mm.datasets.clip_selection import DatasetError
from masa_mm.datasets.pool import balanced_draw
from masa_mm.datasets.sign_pose_dataset import SignPoseDataset

from toys.paths import ROOT
from toys.pose_toys import GLOSSES, arrays, make_store


@pytest.fixture
def files(tmp_path):
    """Ten, three and two clips."""
    for name, clips in dict(a=10, b=3, c=2).items():
        ids = [f"{name}{i}" for i in range(clips)]
        changes = dict(ids=ids, label=None, glosses=()) if name == "c" else dict(ids=ids)
        make_store(tmp_path / f"{name}.safetensors", **arrays([2] * clips) | changes, source=name)
    return tmp_path


def sets(files, *names):
    kinds = dict(a="WLASLPose", b="MSASLPose", c="SignPoseDataset", gone="SLR500Pose")
    return [dict(type=kinds[n], ann_file=str(files / f"{n}.safetensors")) for n in names]


def pool_of(files, *names, **kwargs):
    return PooledSigns(sets(files, *names), **dict(dict(pipeline=[]), **kwargs))


def refused(call, match):
    with pytest.raises(DatasetError, match=match) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1


def test_a_pool_keeps_each_sets_classes(files):
    pool = pool_of(files, "a", "b", "c")
    assert [len(data) for data in pool.datasets] == [10, 3, 2] and len(pool) == 15
    names = [f"{name}/{gloss}" for name in ("WLASL", "MSASL") for gloss in GLOSSES]
    assert pool.metainfo["classes"] == names
    assert [pool[i]["label"] for i in (0, 1, 10, 11, 13)] == [0, 1, 3, 4, -1]
    assert [pool[i]["frame_dir"] for i in (9, 10, 14, -1)] == ["a9", "b0", "c1", "c1"]
    assert len({pool[i]["clip_id"] for i in range(15)}) == 15
    twice = PooledSigns([*sets(files, "c"), *sets(files, "c")], [])
    assert twice.names == ["SignPoseDataset1", "SignPoseDataset2"]


def test_the_pools_pipeline_sees_every_clip(files):
    pipeline = [dict(type="SampleSignFrames", clip_len=4), dict(type="PackSignInputs")]
    init_default_scope("mmaction")
    pool = DATASETS.build(
        dict(type="PooledSigns", datasets=sets(files, "a", "b"), pipeline=pipeline)
    )
    assert pool[12]["inputs"]["keypoint"].shape[-3:] == (4, 49, 3)


def test_missing_sets_are_named(files):
    refused(
        lambda: pool_of(files, "a", "gone"),
        r"files do not exist: SLR500 \(.*gone\.safetensors\); .* or set missing='skip'",
    )
    refused(
        lambda: pool_of(files, "gone", missing="skip"),
        r"files do not exist: SLR500 \(.*\); make them",
    )
    refused(lambda: pool_of(files, "a", missing="maybe"), "'error' or 'skip', not 'maybe'")


def test_missing_sets_are_skipped_on_request_and_the_log_says_which(files, monkeypatch):
    lines = []
    monkeypatch.setattr(
        "masa_mm.datasets.pool.print_log", lambda line, *_, **__: lines.append(line)
    )
    pool = pool_of(files, "a", "gone", "b", missing="skip")
    assert pool.names == ["WLASL", "MSASL"] and [len(data) for data in pool.datasets] == [10, 3]
    gone = str(files / "gone.safetensors")
    assert lines == [
        f"PooledSigns: skipped, files do not exist: SLR500 ({gone})",
        "PooledSigns: 13 clips: WLASL 10, MSASL 3",
    ]


def test_what_is_damaged_is_no_missing_set(files):
    (files / "gone.safetensors").write_bytes(b"cut short")
    with pytest.raises(ValueError, match="not a complete safetensors file"):
        pool_of(files, "a", "gone", missing="skip")


# ---- sampling ----------------------------------------------------------------------------------


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=5),
    st.integers(0, 80),
    st.integers(0, 2**31),
    st.integers(1, 4),
)
def test_a_balanced_draw_takes_as_many_of_each(sizes, total, seed, epochs):
    times = np.zeros(sum(sizes), int)
    for epoch in range(epochs):
        drawn = balanced_draw(sizes, total, seed, epoch)
        assert len(drawn) == total
        member = np.searchsorted(np.cumsum(sizes), drawn, side="right")
        per_set = np.bincount(member, minlength=len(sizes))
        assert per_set.max() - per_set.min() <= 1
        np.add.at(times, drawn, 1)
        for start, size in zip(np.cumsum([0, *sizes]), sizes):
            of_set = times[start : start + size]
            assert of_set.max() - of_set.min() <= 1  # none again before all others of its set


def test_a_balanced_draw_is_shuffled():
    drawn = balanced_draw([1000, 10], 1000, 0, 0)
    small = np.flatnonzero(drawn >= 1000)
    assert 300 < np.median(small) < 700 and len(set(np.diff(small))) > 3
    assert (np.diff(drawn[drawn < 1000]) < 0).any()


def epoch(sampler, number):
    sampler.set_epoch(number)
    return list(sampler)


@pytest.mark.parametrize("sampling", ["natural", "balanced"])
def test_an_epoch_follows_from_seed_and_number(files, sampling):
    pool = pool_of(files, "a", "b", "c")
    first, resumed = (PoolSampler(pool, sampling, seed=3) for _ in range(2))
    epochs = [epoch(first, number) for number in range(3)]
    assert epoch(resumed, 2) == epochs[2] != epochs[1]  # without having drawn the earlier ones
    assert all(len(indices) == len(first) == 15 for indices in epochs)
    if sampling == "natural":
        assert all(sorted(indices) == list(range(15)) for indices in epochs)
    else:
        for indices in epochs:
            assert Counter(np.searchsorted([10, 13, 15], indices, side="right")) == {
                0: 5,
                1: 5,
                2: 5,
            }
        assert set(epochs[0]) | set(epochs[1]) == set(range(15))  # five and five of the ten


@pytest.mark.parametrize("sampling", ["natural", "balanced"])
@pytest.mark.parametrize("world_size", [2, 4])
def test_processes_share_an_epoch_among_them(files, monkeypatch, sampling, world_size):
    pool = pool_of(files, "a", "b", "c")
    shares = []
    for rank in range(world_size):
        monkeypatch.setattr(
            "mmengine.dataset.sampler.get_dist_info", lambda rank=rank: (rank, world_size)
        )
        sampler = PoolSampler(pool, sampling, seed=1)
        shares.append(epoch(sampler, 5))
        assert len(shares[-1]) == len(sampler) == -(-15 // world_size)
    together = [index for step in zip(*shares) for index in step]
    if sampling == "natural":
        assert sorted(together[:15]) == list(range(15))
    else:
        counts = Counter(np.searchsorted([10, 13, 15], together, side="right"))
        assert max(counts.values()) - min(counts.values()) <= 1


def test_what_the_sampler_refuses(files):
    pool = pool_of(files, "a", "b")
    refused(lambda: PoolSampler(pool, "fair"), "natural or balanced, not 'fair'")
    refused(lambda: PoolSampler(pool, "balanced", shuffle=False), "set shuffle=True")
    data = SignPoseDataset(str(files / "a.safetensors"), [])
    refused(lambda: PoolSampler(data), "needs a PooledSigns, got a SignPoseDataset")


# ---- the config --------------------------------------------------------------------------------


def test_the_config_pretrains_on_what_is_there(tmp_path, monkeypatch):
    """Two of the four, by one word in the config, as far as a batch."""
    cfg = Config.fromfile(ROOT / "configs" / "masa_pretrain_all.py")
    init_default_scope("mmaction")
    for name in ("wlasl", "slr500"):
        clips = arrays([20] * 6) | dict(ids=[f"{name}{i}" for i in range(6)])
        make_store(tmp_path / "data" / name / f"{name}_train.safetensors", **clips, source=name)
    monkeypatch.chdir(tmp_path)
    loader = cfg.train_dataloader
    refused(lambda: DATASETS.build(loader.dataset), r"files do not exist: MSASL \(.*\); NMFsCSL \(")
    pool = DATASETS.build(dict(loader.dataset, missing="skip"))
    assert pool.names == ["WLASL", "SLR500"]
    sampler = DATA_SAMPLERS.build(
        dict(loader.sampler, sampling="balanced"), default_args=dict(dataset=pool, seed=0)
    )
    batch = next(iter(DataLoader(pool, batch_size=8, sampler=sampler, collate_fn=pad_clips)))
    assert batch["inputs"]["keypoint"].shape[0] == 8 and "motion" in batch["inputs"]
