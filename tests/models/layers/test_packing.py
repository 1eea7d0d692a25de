"""Packing against plain loops over clips and frames."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.models.layers import neighbour_rows, pack_frames, unpack_frames


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


@settings(max_examples=60, deadline=None)
@given(visible=visibilities())
def test_pack_gathers_in_order_and_unpack_restores(visible):
    frames = torch.arange(visible.numel(), dtype=torch.float32).view(*visible.shape, 1) + 1
    frames = frames.repeat(1, 1, 2)
    packed = pack_frames(frames, visible)
    assert packed.frames.shape[1] == max(1, int(visible.sum(1).max()))
    for clip in range(len(visible)):
        seen = [frame for frame in range(visible.shape[1]) if visible[clip, frame]]
        assert packed.visible[clip].sum() == len(seen)
        assert packed.index[clip, : len(seen)].tolist() == seen
        assert packed.frames[clip, : len(seen)].equal(frames[clip, seen])
        assert not packed.frames[clip, len(seen) :].any()
    restored = unpack_frames(packed, visible.shape[1])
    assert restored.equal(frames * visible[..., None])


def test_what_is_written_behind_the_last_frame_does_not_come_back():
    visible = torch.tensor([[False, True, False], [True, True, True]])
    packed = pack_frames(torch.ones(2, 3, 4), visible)
    dirty = packed._replace(frames=packed.frames + 5)
    assert unpack_frames(dirty, 3)[0].any(-1).tolist() == [False, True, False]


def test_gradient_passes_to_visible_frames_only():
    frames = torch.randn(1, 4, 2, requires_grad=True)
    visible = torch.tensor([[True, False, True, False]])
    unpack_frames(pack_frames(frames, visible), 4).sum().backward()
    assert frames.grad[..., 0].tolist() == [[1, 0, 1, 0]]
