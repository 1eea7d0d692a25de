"""PackedTemporalConv against torch's convolution of the zero-filled sequence."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from masa_mm.frame_plan import neighbour_rows, true_indices
from masa_mm.models.layers.temporal_conv import PackedTemporalConv, TemporalBlock


def neighbours_of(visible):
    return neighbour_rows(visible, true_indices(visible))


@settings(max_examples=30, deadline=None)
@given(
    kernel=st.sampled_from([1, 3, 5]),
    clips=st.integers(1, 3),
    frames=st.integers(1, 9),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**31),
)
def test_equals_conv1d_on_zero_filled_clips(kernel, clips, frames, share, seed):
    torch.manual_seed(seed)
    conv = PackedTemporalConv(3, 4, kernel).double()
    visible = torch.rand(clips, frames) < share
    x = torch.randn(clips, frames, 3, dtype=torch.float64) * visible[..., None]
    weight = conv.linear.weight.view(4, kernel, 3).transpose(1, 2)
    expected = F.conv1d(x.transpose(1, 2), weight, conv.linear.bias, padding=kernel // 2)
    packed = conv(x[visible], neighbours_of(visible))
    torch.testing.assert_close(packed, expected.transpose(1, 2)[visible])


def test_other_clips_of_the_batch_do_not_matter():
    torch.manual_seed(0)
    conv = PackedTemporalConv(3, 4, 5).double()
    first = torch.randn(6, 3, dtype=torch.float64)
    alone = conv(first, neighbours_of(torch.ones(1, 6, dtype=torch.bool)))
    rows = torch.cat([first, torch.randn(6, 3, dtype=torch.float64)])
    both = conv(rows, neighbours_of(torch.ones(2, 6, dtype=torch.bool)))
    torch.testing.assert_close(both[:6], alone)


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_block_keeps_the_number_of_rows(rows):
    visible = torch.arange(5)[None] < rows
    block = TemporalBlock(4, 6)
    out = block(torch.randn(rows, 4), neighbours_of(visible))
    assert out.shape == (rows, 6)
    assert out.isfinite().all()


def test_block_reaches_two_frames_and_no_further():
    """Kernel 5, and 3 after 3, both end two frames away."""
    torch.manual_seed(0)
    block = TemporalBlock(4, 6).eval()
    neighbours = neighbours_of(torch.ones(1, 9, dtype=torch.bool))
    x = torch.randn(9, 4)
    moved = x.clone()
    moved[4] += 1
    changed = (block(x, neighbours) != block(moved, neighbours)).any(-1)
    assert set(changed.nonzero().flatten().tolist()) <= {2, 3, 4, 5, 6}
    assert changed[4]


@pytest.mark.parametrize("branch_channels, expected", [(None, 3), (6, 6), (5, 5)])
def test_width_of_the_branches(branch_channels, expected):
    block = TemporalBlock(4, 6, branch_channels)
    visible = torch.ones(1, 5, dtype=torch.bool)
    assert block(torch.randn(5, 4), neighbours_of(visible)).shape == (5, 6)
    assert block.wide.linear.out_features == block.narrow2.linear.out_features == expected
    assert block.merge.in_features == 2 * expected


def test_gradients_have_the_same_bits_on_two_threads():
    """A resumed run equals an uninterrupted one only if no sum depends on the threads' timing."""
    conv = PackedTemporalConv(16, 16, 5)
    generator = torch.Generator().manual_seed(0)
    rows = torch.rand(511, 16, generator=generator, requires_grad=True)
    neighbours = torch.randint(0, 512, (511, 5), generator=generator)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        gradients = [
            torch.autograd.grad(conv(rows, neighbours).square().sum(), rows)[0] for _ in range(50)
        ]
    finally:
        torch.set_num_threads(threads)
    assert all(gradient.equal(gradients[0]) for gradient in gradients)
