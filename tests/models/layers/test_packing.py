"""Packed rows against plain loops over clips and frames; RowBatchNorm against torch's."""

import pytest
import torch
from hypothesis import given, settings
from torch import nn

from masa_mm.frame_plan import pack_flagged
from masa_mm.models.layers import packing
from masa_mm.models.layers.packing import (
    RowBatchNorm,
    from_slots,
    map_rows,
    pack_frames,
    to_slots,
    unpack_frames,
)

from toys.flag_strategies import flags


@settings(max_examples=60, deadline=None)
@given(visible=flags())
def test_packing_equals_a_loop_and_unpacking_restores(visible):
    clips, num_frames = visible.shape
    frames = torch.arange(visible.numel() * 2, dtype=torch.float32).view(*visible.shape, 2) + 1
    packed = pack_flagged(visible)
    rows = pack_frames(frames, packed)
    places = visible.nonzero().tolist()
    assert rows.tolist() == [frames[clip, frame].tolist() for clip, frame in places]
    slots = to_slots(rows, packed)
    assert slots.shape == (clips, packed.num_slots, 2)
    for clip in range(clips):
        seen = [frame for frame in range(num_frames) if visible[clip, frame]]
        assert slots[clip, : len(seen)].equal(frames[clip, seen])
        assert not slots[clip, len(seen) :].any()
    assert from_slots(slots, packed).equal(rows)
    assert unpack_frames(rows, packed).equal(frames * visible[..., None])


def test_empty_slots_do_not_come_back():
    packed = pack_flagged(torch.tensor([[False, True, False], [True, True, True]]))
    slots = to_slots(pack_frames(torch.ones(2, 3, 4), packed), packed)
    rows = from_slots(torch.where(slots == 0, 5.0, slots), packed)
    assert rows.equal(torch.ones(4, 4))


def test_clips_without_gaps_are_laid_out_without_a_copy():
    packed = pack_flagged(torch.ones(2, 3, dtype=torch.bool))
    rows = torch.rand(6, 4)
    assert packed.is_full
    assert to_slots(rows, packed).data_ptr() == rows.data_ptr()


def test_gradient_passes_to_visible_frames_only():
    frames = torch.randn(1, 4, 2, requires_grad=True)
    packed = pack_flagged(torch.tensor([[True, False, True, False]]))
    rows = from_slots(to_slots(pack_frames(frames, packed), packed), packed)
    unpack_frames(rows, packed).sum().backward()
    assert frames.grad[..., 0].tolist() == [[1, 0, 1, 0]]


@pytest.mark.parametrize("rows", [0, 1, 10, 13])
def test_rows_are_mapped_in_blocks_where_they_are_independent(rows, monkeypatch):
    monkeypatch.setattr(packing, "ROWS_PER_BLOCK", 5)
    x, sizes = torch.randn(rows, 3), []

    def double(block):
        sizes.append(len(block))
        return 2 * block

    for independent, gradients, largest in ((True, False, 5), (True, True, 13), (False, False, 13)):
        sizes.clear()
        with torch.set_grad_enabled(gradients):
            assert map_rows(double, x, independent).equal(2 * x)
        assert sum(sizes) == rows and max(sizes) <= largest


def test_is_torchs_from_two_rows_on():
    torch.manual_seed(0)
    x = torch.randn(6, 3)
    ours, theirs = RowBatchNorm(3), nn.BatchNorm1d(3)
    assert ours(x).equal(theirs(x))
    for name, value in ours.state_dict().items():
        assert value.equal(theirs.state_dict()[name])


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_use_the_running_statistics_and_leave_them(rows):
    norm = RowBatchNorm(3)
    norm(torch.randn(8, 3))
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    x = torch.randn(rows, 3, requires_grad=True)
    out = norm(x)
    torch.testing.assert_close(out, norm.eval()(x))
    out.sum().backward()
    assert norm.weight.grad.shape == (3,)
    for name, value in norm.state_dict().items():
        assert value.equal(before[name])


@pytest.mark.parametrize("rows", [0, 1])
def test_evaluation_takes_any_number_of_rows(rows):
    assert RowBatchNorm(3).eval()(torch.randn(rows, 3)).shape == (rows, 3)
