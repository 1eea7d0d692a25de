"""Graphs with lateral edges, against plain loops."""

import numpy as np
import pytest

from masa_mm.errors import UserError
from masa_mm.models.reference.encoder import ReferencePartNetwork
from masa_mm.models.reference.lateral_graph import lateral_adjacency, lateral_graphs
from masa_mm.pose.skeleton import BODY, RIGHT_HAND

from toys import reference_network as plain

NOSE_APART = dict(inward=(), lateral=((0, 1),), idle=((0, 2),))


@pytest.mark.parametrize(
    "part, name, sub_part_graph", [(RIGHT_HAND, "hand", None), (BODY, "body", NOSE_APART)]
)
def test_graphs_of_the_authors_network(part, name, sub_part_graph):
    joints, sub_parts = lateral_graphs(part, sub_part_graph)
    known = plain.buffers()
    np.testing.assert_allclose(joints, known[f"embed.st_gcn_{name}.A"], rtol=1e-6)
    np.testing.assert_allclose(sub_parts, known[f"embed.st_gcn_{name}.A_pool"], rtol=1e-6)


def test_left_to_itself_no_subset_is_empty():
    for part in (RIGHT_HAND, BODY):
        for graph in lateral_graphs(part):
            assert graph.any(-1).any(-1).all()
            np.testing.assert_allclose(graph.sum((0, 1)), 1, rtol=1e-6)


def test_by_hand():
    """A node with two arms that hold hands, one of which has a neighbour that says nothing."""
    self, farther, nearer, beside = lateral_adjacency(4, [(1, 0), (2, 0)], [(1, 2)], [(2, 3)])
    third, quarter = 1 / 3, 1 / 4
    np.testing.assert_allclose(np.diag(self), [third, third, quarter, 1 / 2])
    assert farther.tolist() == [[0] * 4, [pytest.approx(third), 0, 0, 0]] + [
        [pytest.approx(third), 0, 0, 0],
        [0] * 4,
    ]
    assert nearer[0].tolist() == [0, pytest.approx(third), quarter, 0] and not nearer[1:].any()
    assert beside[1, 2] == quarter and beside[2, 1] == pytest.approx(third)
    assert not beside[3].any() and not beside[:, 3].any()


def test_an_edge_to_nowhere_is_refused():
    with pytest.raises(UserError, match=r"3 nodes .0\.\.2. has an edge \(0, 3\)"):
        lateral_adjacency(3, [(0, 3)], [])


def test_other_sub_part_edges_need_this_kind_of_graph():
    with pytest.raises(UserError, match="graph_mode='lateral', got 'spatial'"):
        ReferencePartNetwork(BODY, "spatial", NOSE_APART)
