"""Packing against plain loops over clips and frames."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.frame_counts import count_frames
from masa_mm.models.layers import (
    find_packing,
    neighbour_rows,
    pack_frames,
    true_places,
    unpack_frames,
)
from masa_mm.models.layers.packing import find_distinct, from_slots, rows_within, to_slots


@st.composite
def visibilities(draw):
    clips, frames = draw(st.integers(1, 4)), draw(st.integers(1, 7))
    flat = draw(st.lists(st.booleans(), min_size=clips * frames, max_size=clips * frames))
    return torch.tensor(flat).view(clips, frames)


@settings(max_examples=60, deadline=None)
@given(visible=visibilities(), reach=st.integers(0, 3))
def test_neighbour_rows_equals_a_loop(visible, reach):
    rows, places = {}, visible.nonzero().tolist()
    for row, (clip, frame) in enumerate(places):
        rows[clip, frame] = row
    expected = [
        [rows.get((clip, frame + step), len(places)) for step in range(-reach, reach + 1)]
        for clip, frame in places
    ]
    found = neighbour_rows(visible, reach)
    assert found.dtype == torch.int64
    assert found.tolist() == expected
    assert neighbour_rows(visible, reach, len(places)).equal(found)


@settings(max_examples=60, deadline=None)
@given(flags=st.lists(st.booleans(), max_size=12))
def test_true_places_are_those_of_nonzero(flags):
    flags = torch.tensor(flags, dtype=torch.bool)
    assert true_places(flags, int(flags.sum())).equal(flags.nonzero().flatten())


@settings(max_examples=60, deadline=None)
@given(visible=visibilities())
def test_packing_equals_a_loop_and_unpacking_restores(visible):
    clips, num_frames = visible.shape
    frames = torch.arange(visible.numel() * 2, dtype=torch.float32).view(*visible.shape, 2) + 1
    packing = find_packing(visible)
    rows = pack_frames(frames, packing)
    places = visible.nonzero().tolist()
    assert rows.tolist() == [frames[clip, frame].tolist() for clip, frame in places]
    assert packing.num_slots == max(1, int(visible.sum(1).max()))
    slots = to_slots(rows, packing)
    assert slots.shape == (clips, packing.num_slots, 2)
    for clip in range(clips):
        seen = [frame for frame in range(num_frames) if visible[clip, frame]]
        assert slots[clip, : len(seen)].equal(frames[clip, seen])
        assert not slots[clip, len(seen) :].any()
    assert from_slots(slots, packing).equal(rows)
    assert unpack_frames(rows, packing, num_frames).equal(frames * visible[..., None])
    counted = find_packing(visible, count_frames(visible))
    assert counted.rows.equal(packing.rows) and counted.slots.equal(packing.slots)
    assert counted[2:] == packing[2:]


def test_what_is_written_behind_the_last_frame_does_not_come_back():
    visible = torch.tensor([[False, True, False], [True, True, True]])
    packing = find_packing(visible)
    slots = to_slots(pack_frames(torch.ones(2, 3, 4), packing), packing)
    rows = from_slots(torch.where(slots == 0, 5.0, slots), packing)
    assert rows.equal(torch.ones(4, 4))


def test_clips_without_gaps_are_laid_out_without_a_copy():
    packing = find_packing(torch.ones(2, 3, dtype=torch.bool))
    rows = torch.rand(6, 4)
    assert packing.is_full
    assert to_slots(rows, packing).data_ptr() == rows.data_ptr()


def test_gradient_passes_to_visible_frames_only():
    frames = torch.randn(1, 4, 2, requires_grad=True)
    packing = find_packing(torch.tensor([[True, False, True, False]]))
    rows = from_slots(to_slots(pack_frames(frames, packing), packing), packing)
    unpack_frames(rows, packing, 4).sum().backward()
    assert frames.grad[..., 0].tolist() == [[1, 0, 1, 0]]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=8),
)
def test_alike_rows_of_one_place_are_found_once(rows):
    alike = torch.tensor([row[0] for row in rows], dtype=torch.bool)
    places = torch.tensor([row[1] for row in rows], dtype=torch.int64)
    first, copy = find_distinct(alike, places)
    assert len(first) == sum(not row[0] for row in rows) + len({p for a, p in rows if a})
    for row, (is_alike, place) in enumerate(rows):
        stand_in = int(first[copy[row]])
        assert rows[stand_in] == (is_alike, place)
        assert is_alike or stand_in == row
    counted = find_distinct(alike, places, len(first))
    assert counted.first.equal(first) and counted.copy.equal(copy)


@settings(max_examples=30, deadline=None)
@given(visible=visibilities(), seed=st.integers(0, 2**31))
def test_rows_of_fewer_frames_are_found_among_all(visible, seed):
    inner = visible & (
        torch.rand(visible.shape, generator=torch.Generator().manual_seed(seed)) < 0.5
    )
    frames = torch.arange(visible.numel()).view(*visible.shape, 1)
    packing, fewer = find_packing(visible), find_packing(inner)
    found = pack_frames(frames, packing)[rows_within(packing, fewer)]
    assert found.equal(frames[inner])
