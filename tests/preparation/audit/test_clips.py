"""Several stores as one set of clips."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.datasets.clip_selection import DatasetError
from masa_mm.pose.store_format import PoseStoreError
from masa_mm.preparation.audit import AuditError, open_clips
from masa_mm.preparation.audit import clips as clips_module

from toys.audit_toys import clips_of, smooth_clip, write


@pytest.fixture
def two(tmp_path):
    return clips_of(
        tmp_path,
        dict(clips=[smooth_clip(n, 3 + n) for n in range(4)], signers=[5, 5, 7, -1]),
        dict(clips=[smooth_clip(n, 6) for n in range(2)], labels=[2, -1]),
    )


def test_clips_are_numbered_through(two):
    assert len(two) == 6 and two.splits == ("train", "val")
    assert two.store.tolist() == [0, 0, 0, 0, 1, 1]
    np.testing.assert_array_equal(two.clip(2)[0], smooth_clip(2, 5)[0])
    np.testing.assert_array_equal(two.clip(4)[0], smooth_clip(0, 6)[0])
    assert two.describe(2) == dict(
        id="train2", split="train", gloss="computer", signer=7, num_frames=5
    )
    assert two.describe(5) == dict(id="val1", split="val", gloss="", signer=-1, num_frames=6)


@pytest.mark.parametrize("size", [1, 4, 7, 10_000])
def test_chunks_are_whole_clips_in_order(two, monkeypatch, size):
    monkeypatch.setattr(clips_module, "_CHUNK_FRAMES", size)
    seen = []
    for chunk in two.chunks():
        numbers = range(len(two))[chunk.clips]
        assert len({int(two.store[n]) for n in numbers}) == 1
        assert len(chunk.keypoint) == chunk.num_frames.sum() == two.num_frames[chunk.clips].sum()
        for number, start, frames in zip(numbers, chunk.start, chunk.num_frames):
            keypoint, score = two.clip(number)
            np.testing.assert_array_equal(chunk.keypoint[start : start + frames], keypoint)
            np.testing.assert_array_equal(chunk.score[start : start + frames], score)
            seen.append(number)
    assert seen == list(range(6))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_sums_and_continuity_against_loops(lengths, seed):
    frames = np.random.default_rng(seed).integers(0, 5, sum(lengths))
    zeros = np.zeros((sum(lengths), 49))
    chunk = clips_module.Chunk(
        slice(0, len(lengths)), np.array(lengths), np.zeros((sum(lengths), 49, 2)), zeros
    )
    clip = [n for n, length in enumerate(lengths) for _ in range(length)]
    assert chunk.sum(frames).tolist() == [
        sum(f for f, c in zip(frames.tolist(), clip) if c == n) for n in range(len(lengths))
    ]
    assert chunk.continues.tolist() == [a == b for a, b in pairwise(clip)]


def test_joints_that_are_not_finite_count_as_absent(two):
    two.stores[0].keypoint = two.stores[0].keypoint[:].copy()
    two.stores[0].keypoint[1, 3, 0] = np.nan
    chunk = next(two.chunks())
    assert chunk.score[1, 3] == 0 and not chunk.keypoint[1, 3].any()
    assert np.isfinite(chunk.keypoint).all() and chunk.score[1, 4] > 0


def test_signers_of_two_sources_are_two_people(tmp_path):
    clips = clips_of(
        tmp_path,
        dict(clips=[smooth_clip(0), smooth_clip(1)], signers=[0, 3]),
        dict(clips=[smooth_clip(2), smooth_clip(3)], signers=[0, -1], source="other"),
        dict(clips=[smooth_clip(4)], signers=[3]),
    )
    first, second, third, unknown, fifth = clips.signer.tolist()
    assert len({first, second, third}) == 3 and fifth == second and unknown == -1
    assert clips.describe(2)["signer"] == 0


def test_splits_without_a_name_are_named_by_their_files(tmp_path):
    paths = [write(tmp_path / f"{n}.safetensors", [smooth_clip(0)], split="") for n in "ab"]
    assert open_clips(paths).splits == ("a", "b")
    (tmp_path / "c").mkdir()
    paths.append(write(tmp_path / "c/a.safetensors", [smooth_clip(0)], split=""))
    assert len(set(open_clips(paths).splits)) == 3


def test_what_cannot_be_audited_together_is_refused(tmp_path):
    path = write(tmp_path / "a.safetensors", [smooth_clip(0)])
    other = write(tmp_path / "b.safetensors", [smooth_clip(0)], glosses=["drink", "book"])
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(b"PK\3\4")
    for paths, kind, said in (
        ([], AuditError, "no pose store"),
        ([path, tmp_path / "x/../a.safetensors"], AuditError, "given twice"),
        ([path, other], DatasetError, "class list is not that of"),
        ([path, tmp_path / "gone.safetensors"], FileNotFoundError, "no such pose store"),
        ([foreign], PoseStoreError, "not a complete safetensors file"),
    ):
        with pytest.raises(kind, match=said) as caught:
            open_clips(paths)
        assert len(str(caught.value).splitlines()) == 1
