"""The network of one part: graphs, sub-parts, and rows that do not meet."""

import numpy as np
import pytest
import torch

from masa_mm.frame_plan import TEMPORAL_REACH, neighbour_rows, true_indices
from masa_mm.models.backbones.part_network import PartNetwork, SubPartPool, part_graphs
from masa_mm.models.layers import packing
from masa_mm.models.reference.encoder import ReferencePartNetwork
from masa_mm.pose.skeleton import BODY, RIGHT_HAND


def neighbours_of(visible):
    return neighbour_rows(visible, true_indices(visible))


def make(part=RIGHT_HAND, kind=PartNetwork, **changes):
    torch.manual_seed(0)
    sizes = dict(in_channels=3, channels=(8, 8), sub_part_channels=(16,), out_channels=16)
    return kind(part, **{**sizes, **changes})


@pytest.mark.parametrize("part", [RIGHT_HAND, BODY])
def test_every_joint_takes_part_in_every_graph(part):
    """No isolated node: each joint and each sub-part is joined to another one."""
    for graph in part_graphs(part):
        total = graph.sum(0).numpy()
        np.fill_diagonal(total, 0)
        assert ((total.sum(0) > 0) | (total.sum(1) > 0)).all()


@pytest.mark.parametrize("part", [RIGHT_HAND, BODY])
def test_no_subset_of_the_graph_is_empty(part):
    for graph in part_graphs(part):
        assert (graph.flatten(1).abs().sum(1) > 0).all()


def test_pool_takes_the_largest_of_each_sub_part():
    torch.manual_seed(0)
    x = torch.randn(2, 21, 3)
    pooled = SubPartPool(RIGHT_HAND.sub_parts)(x)
    for i, joints in enumerate(RIGHT_HAND.sub_parts):
        assert pooled[:, i].equal(x[:, list(joints)].max(1).values)


def test_sub_parts_cover_what_they_say():
    """Each joint of the hand is in one sub-part; their indices are no weights."""
    pool = SubPartPool(RIGHT_HAND.sub_parts)
    assert sorted(j for joints in RIGHT_HAND.sub_parts for j in joints) == list(range(21))
    assert not pool.state_dict()


def test_rows_far_apart_do_not_meet_in_evaluation():
    network = make().eval()
    visible = torch.ones(1, 12, dtype=torch.bool)
    neighbours = neighbours_of(visible)
    x = torch.randn(12, 21, 3)
    moved = x.clone()
    moved[6] += 1
    changed = (network(x, neighbours) != network(moved, neighbours)).any(-1)
    # Two temporal blocks of two frames each.
    assert set(changed.nonzero().flatten().tolist()) <= set(range(2, 11))
    assert changed[6]


@pytest.mark.parametrize("frames", [0, 1, 10, 13])
def test_few_frames_at_a_time_are_the_same_network(frames, monkeypatch):
    """Evaluated without gradients, 5 frames at most meet the graphs together."""
    monkeypatch.setattr(packing, "ROWS_PER_BLOCK", 5)
    network = make().double().eval()
    joints = torch.randn(frames, 21, 3, dtype=torch.float64)
    neighbours = neighbours_of(torch.arange(13)[None] < frames)
    together = network(joints, neighbours).detach()
    rows = []
    network.joint_blocks.register_forward_hook(lambda _, args, __: rows.append(len(args[0])))
    with torch.no_grad():
        torch.testing.assert_close(network(joints, neighbours), together)
    assert sum(rows) == frames and max(rows) <= 5


def test_frames_normalised_by_their_batch_stay_together(monkeypatch):
    """The key branch in training: no gradients, but statistics of all rows."""
    monkeypatch.setattr(packing, "ROWS_PER_BLOCK", 5)
    joints, network = torch.randn(12, 21, 3), make().train()
    neighbours = neighbours_of(torch.ones(1, 12, dtype=torch.bool))
    together = network(joints, neighbours).detach()
    with torch.no_grad():
        torch.testing.assert_close(network(joints, neighbours), together)


def test_every_parameter_learns():
    network = make()
    x = torch.randn(10, 21, 3)
    out = network(x, neighbours_of(torch.ones(1, 10, dtype=torch.bool)))
    (out * torch.randn_like(out)).sum().backward()
    idle = [name for name, p in network.named_parameters() if not p.grad.abs().sum()]
    # A bias before a batch norm is cancelled by it.
    assert all(name.endswith("bias") for name in idle)


def test_an_unknown_graph_mode_is_refused():
    with pytest.raises((ValueError, AssertionError), match="spiral"):
        make(kind=ReferencePartNetwork, graph_mode="spiral")


@pytest.mark.parametrize(("merge", "told_apart"), [("max", False), ("concat", True)])
def test_which_finger_moved(merge, told_apart):
    """The graph treats index and little finger alike; only 'concat' tells which of them did it."""
    network = make(sub_part_merge=merge).eval()
    alone = torch.arange(1)[:, None].expand(1, 2 * TEMPORAL_REACH + 1)
    hand = torch.rand(1, 21, 3)
    swapped = hand.clone()
    swapped[:, 5:9], swapped[:, 17:21] = hand[:, 17:21], hand[:, 5:9]
    same = torch.allclose(network(hand, alone), network(swapped, alone), atol=1e-6)
    assert same != told_apart


def test_an_unknown_merge_is_refused():
    with pytest.raises(ValueError, match="sub_part_merge must be one of max, concat, got 'mean'"):
        make(sub_part_merge="mean")
