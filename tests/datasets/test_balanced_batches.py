"""LengthBalancedBatches: who computes what changes, what an epoch takes does not."""

from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.dataset import DefaultSampler
from mmengine.hooks import DistSamplerSeedHook
from mmengine.runner import Runner
from torch.utils.data import BatchSampler, SequentialSampler

from masa_mm.datasets import LengthBalancedBatches, PooledSigns, PoolSampler, SignPoseDataset
from masa_mm.datasets.balanced_batches import NO_CLIP, distribute
from masa_mm.datasets.clip_selection import DatasetError

from toys.pose_toys import arrays, make_store


class Lengths:
    """A dataset of which only the clips' lengths matter."""

    def __init__(self, num_frames):
        self.num_frames = np.asarray(num_frames)

    def __len__(self):
        return len(self.num_frames)


def real_lengths(clips, seed=0):
    """30 to 150 frames, most of them few."""
    return 30 + (120 * np.random.default_rng(seed).random(clips) ** 2).astype(int)


@pytest.fixture
def rank(monkeypatch):
    """Let samplers take themselves for those of a process among several."""

    def be(rank, world_size):
        monkeypatch.setattr("mmengine.dataset.sampler.get_dist_info", lambda: (rank, world_size))

    return be


def epoch_of_all(rank, dataset, processes, batch_size, number=0, sampler=DefaultSampler, **kwargs):
    """The batches of an epoch: a list of steps, each a list of the processes' batches."""
    found = []
    for own in range(processes):
        rank(own, processes)
        batches = LengthBalancedBatches(sampler(dataset, seed=5), batch_size, **kwargs)
        batches.sampler.set_epoch(number)
        found.append(list(batches))
        assert len(found[-1]) == len(batches)
    return list(zip(*found, strict=True))  # as many steps in all


@settings(max_examples=80, deadline=None)
@given(
    clips=st.integers(1, 70),
    processes=st.integers(1, 5),
    batch_size=st.integers(1, 6),
    drop_last=st.booleans(),
    number=st.integers(0, 3),
)
def test_every_clip_comes_once_and_all_make_as_many_steps(
    clips, processes, batch_size, drop_last, number
):
    with pytest.MonkeyPatch.context() as patch:

        def be(own, world_size):
            patch.setattr("mmengine.dataset.sampler.get_dist_info", lambda: (own, world_size))

        dataset, step = Lengths(real_lengths(clips)), processes * batch_size
        if drop_last and clips < step:
            with pytest.raises(DatasetError, match=f"{clips} clips are fewer than the {step} of"):
                epoch_of_all(be, dataset, processes, batch_size, drop_last=True)
            return
        steps = epoch_of_all(be, dataset, processes, batch_size, number, drop_last=drop_last)
    sizes = [[len(batch) for batch in batches] for batches in steps]
    taken = sorted(chain.from_iterable(chain.from_iterable(steps)))
    if drop_last:
        assert sizes == [[batch_size] * processes] * (clips // step)
        assert len(set(taken)) == len(taken)
        return
    assert len(steps) == -(-clips // step)
    assert min(map(min, sizes)) >= 1 and max(map(max, sizes)) <= batch_size
    totals = list(map(sum, sizes))
    assert max(totals) - min(totals) <= 1 and max(max(n) - min(n) for n in sizes) <= 1
    assert set(taken) == set(range(clips))
    # A second time only where not every process could have a clip in each step.
    assert len(taken) == max(clips, len(steps) * processes)


@pytest.mark.parametrize("drop_last", [True, False])
def test_one_process_gets_the_batches_it_would_get_anyway(rank, drop_last):
    rank(0, 1)
    sampler = DefaultSampler(Lengths(real_lengths(60)), seed=3)
    sampler.set_epoch(4)
    plain = list(BatchSampler(sampler, 6, drop_last))
    assert list(LengthBalancedBatches(sampler, 6, drop_last)) == plain


def test_a_step_takes_the_clips_that_it_would_take_anyway(rank):
    """Of a process alone, whose batches are as large as those of all four together."""
    dataset = Lengths(real_lengths(90))
    (whole,) = zip(*epoch_of_all(rank, dataset, 1, 20, number=2, drop_last=True))
    dealt = epoch_of_all(rank, dataset, 4, 5, number=2, drop_last=True)
    assert [sorted(chain.from_iterable(step)) for step in dealt] == list(map(sorted, whole))


def test_an_epoch_follows_from_seed_and_number(rank):
    dataset = Lengths(real_lengths(40))
    first, again, second = (epoch_of_all(rank, dataset, 2, 4, number) for number in (1, 1, 2))
    assert first == again != second


@pytest.mark.parametrize(
    "processes, batch_size, most", [(2, 16, 0.01), (8, 16, 0.01), (64, 16, 0.01), (4, 2, 0.2)]
)
def test_all_processes_get_about_as_many_frames(rank, processes, batch_size, most):
    """In shares of a process's mean: what all compute less than the one that all wait for."""
    dataset = Lengths(real_lengths(4096))
    steps = epoch_of_all(rank, dataset, processes, batch_size, drop_last=True)
    frames = dataset.num_frames[np.array(steps)].sum(-1)
    undealt = dataset.num_frames[np.random.default_rng(0).permutation(np.array(steps).flat)]
    undealt = undealt.reshape(*frames.shape, batch_size).sum(-1)
    waiting, before = (n.max(1).sum() / n.mean(1).sum() - 1 for n in (frames, undealt))
    assert waiting < most and waiting < before / 2


def test_what_is_dealt_by_hand():
    """9 | 8, then 7 to the second, who has least, and 5 to the first; 1 to the first again."""
    assert distribute(np.array([[5, 9, 1, 8, 7]]), 2).tolist() == [[[0, NO_CLIP], [1, 3], [2, 4]]]


def test_clips_that_the_pipeline_cuts_count_as_cut(rank):
    """By their lengths 900 would outweigh three of 100; cut to 100 it is one of four alike."""
    dataset = Lengths([900, 100, 100, 100, 20, 20, 20, 20])
    for step in epoch_of_all(rank, dataset, 2, 4, max_frames=100):
        frames = [np.minimum(dataset.num_frames[batch], 100).sum() for batch in step]
        assert frames == [240, 240]


def test_clips_of_a_balanced_pool(rank, tmp_path):
    for name, clips in dict(a=10, b=3).items():
        ids = [f"{name}{i}" for i in range(clips)]
        make_store(tmp_path / f"{name}.safetensors", **arrays(range(2, clips + 2)) | dict(ids=ids))
    kind = dict(type="SignPoseDataset")
    pool = PooledSigns([dict(kind, ann_file=str(tmp_path / f"{n}.safetensors")) for n in "ab"], [])
    assert pool.num_frames.tolist() == [*range(2, 12), *range(2, 5)]

    def balanced(dataset, seed):
        return PoolSampler(dataset, "balanced", seed=seed)

    steps = epoch_of_all(rank, pool, 2, 3, sampler=balanced)
    taken = np.array(sorted(chain.from_iterable(chain.from_iterable(steps))))
    rank(0, 1)
    assert taken.tolist() == sorted(balanced(pool, 5))
    assert abs((taken >= 10).sum() - (taken < 10).sum()) <= 1


def test_the_runner_builds_it_with_the_loaders_batch_size(tmp_path):
    path = make_store(tmp_path / "a.safetensors", **arrays([3, 9, 4, 8, 5, 7, 2]))
    loader = Runner.build_dataloader(
        dict(
            batch_size=2,
            num_workers=0,
            dataset=dict(type="SignPoseDataset", ann_file=path, pipeline=[], _scope_="mmaction"),
            sampler=dict(type="DefaultSampler", shuffle=True),
            batch_sampler=dict(type="LengthBalancedBatches", drop_last=True),
        ),
        seed=1,
    )
    assert len(loader) == 3
    assert loader.batch_sampler.cost.tolist() == [3, 9, 4, 8, 5, 7, 2]
    assert [len(batch["label"]) for batch in loader] == [2, 2, 2]
    runner = SimpleNamespace(train_loop=SimpleNamespace(dataloader=loader), epoch=7)
    DistSamplerSeedHook().before_train_epoch(runner)
    assert loader.batch_sampler.sampler.epoch == 7


def test_what_it_refuses(tmp_path):
    with pytest.raises(DatasetError, match="needs a DefaultSampler or PoolSampler, got a Sequent"):
        LengthBalancedBatches(SequentialSampler(range(4)), 2)
    with pytest.raises(DatasetError, match="a range does not know the lengths"):
        LengthBalancedBatches(DefaultSampler(range(4), seed=0), 2)
    data = SignPoseDataset(make_store(tmp_path / "a.safetensors"), [])
    with pytest.raises(DatasetError, match="4 clips are fewer than the 5 of a step") as caught:
        LengthBalancedBatches(DefaultSampler(data, seed=0), 5, drop_last=True)
    assert len(str(caught.value).splitlines()) == 1
