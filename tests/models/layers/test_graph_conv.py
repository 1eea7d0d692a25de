"""GraphConv against the sum it stands for, with a weight matrix and a bias to each subset."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from masa_mm.models.layers.graph_conv import GraphBlock, GraphConv, Shortcut, joint_batch_norm
from masa_mm.models.layers.packing import RowBatchNorm


@settings(max_examples=25, deadline=None)
@given(
    subsets=st.integers(1, 3),
    joints=st.integers(1, 5),
    channels=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    rows=st.integers(0, 3),
    seed=st.integers(0, 2**31),
)
def test_equals_a_loop_over_subsets_and_joints(subsets, joints, channels, rows, seed):
    torch.manual_seed(seed)
    adjacency = torch.randn(subsets, joints, joints)
    conv = GraphConv(*channels, adjacency).double()
    x = torch.randn(rows, joints, channels[0], dtype=torch.float64)
    expected = torch.zeros(rows, joints, channels[1], dtype=torch.float64)
    for k in range(subsets):
        own_weight = conv.weight[:, k * channels[0] : (k + 1) * channels[0]]
        for v in range(joints):
            message = x[:, v] @ own_weight.T + conv.bias[k]
            for w in range(joints):
                expected[:, w] += conv.A[k, v, w] * message
    torch.testing.assert_close(conv(x), expected)


def test_equals_the_convolution_of_st_gcn():
    """1x1 convolution to K x C channels, then aggregation: how the field writes it."""
    torch.manual_seed(0)
    adjacency = torch.rand(3, 7, 7)
    conv = GraphConv(5, 6, adjacency)
    conv2d = nn.Conv2d(5, 18, 1)
    with torch.no_grad():
        conv2d.weight.copy_(conv.weight.view(6, 3, 5).transpose(0, 1).reshape(18, 5, 1, 1))
        conv2d.bias.copy_(conv.bias.flatten())
    x = torch.randn(4, 7, 5)
    wide = conv2d(x.permute(0, 2, 1)[:, :, None]).view(4, 3, 6, 7)
    expected = torch.einsum("nkcv,kvw->nwc", wide, adjacency)
    torch.testing.assert_close(conv(x), expected)


def test_the_graph_is_kept_in_the_checkpoint_and_is_a_copy():
    adjacency = torch.eye(3)[None]
    conv = GraphConv(2, 2, adjacency)
    adjacency.zero_()
    assert conv.state_dict()["A"].equal(torch.eye(3)[None])


@pytest.mark.parametrize("channels, shortcut", [((4, 4), nn.Identity), ((4, 6), Shortcut)])
def test_block_adds_its_input_through_a_linear_layer_only_where_widths_differ(channels, shortcut):
    block = GraphBlock(*channels, torch.eye(3)[None])
    assert isinstance(block.shortcut, shortcut)
    assert block(torch.randn(5, 3, 4)).shape == (5, 3, channels[1])


def test_block_in_evaluation_equals_its_formula():
    torch.manual_seed(0)
    block = GraphBlock(4, 6, torch.rand(2, 3, 3)).double().eval()
    for norm in (block.norm1, block.norm2, block.shortcut.norm):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)

    def normalise(norm, x):
        scaled = (x - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
        return scaled * norm.weight + norm.bias

    x = torch.randn(5, 3, 4, dtype=torch.float64)
    out = normalise(block.norm1, block.graph_conv(x)).relu()
    out = normalise(block.norm2, out @ block.linear.weight.T + block.linear.bias)
    linear = block.shortcut.linear
    out = out + normalise(block.shortcut.norm, x @ linear.weight.T + linear.bias)
    torch.testing.assert_close(block(x), out.relu())


def test_block_without_residual_is_blind_to_a_graph_without_edges():
    block = GraphBlock(4, 4, torch.zeros(1, 3, 3), residual=False).eval()
    assert block(torch.randn(2, 3, 4)).equal(block(torch.randn(2, 3, 4)))


def test_a_checkpoint_brings_its_graph():
    """The result follows the graph that was loaded."""
    conv, other = (GraphConv(4, 4, torch.rand(3, 6, 6)) for _ in range(2))
    x = torch.randn(3, 6, 4)
    assert not torch.allclose(conv(x), other(x))
    conv.load_state_dict(other.state_dict())
    torch.testing.assert_close(conv(x), other(x))


def test_joints_share_their_channels_statistics():
    torch.manual_seed(0)
    x = torch.randn(5, 4, 3, dtype=torch.float64)
    out = joint_batch_norm(RowBatchNorm(3, affine=False, eps=1e-300).double(), x)
    mean, var = x.mean((0, 1)), x.var((0, 1), unbiased=False)
    torch.testing.assert_close(out, (x - mean) / var.sqrt())
