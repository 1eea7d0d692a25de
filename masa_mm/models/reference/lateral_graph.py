"""Graphs in which neighbours at one depth are joined too: finger with finger, arm with arm."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from masa_mm.errors import UserError
from masa_mm.pose.skeleton import BODY, BODY_MIRROR_PAIRS, Part

Edges = Sequence[tuple[int, int]]

_FINGER_PAIRS = ((0, 1), (1, 2), (2, 3), (3, 4))
# Joints at one depth of fingers side by side; four joints to a finger, after the wrist.
_HAND_PAIRS = tuple(
    (4 * finger + joint, 4 * beside + joint)
    for joint in range(1, 5)
    for finger, beside in _FINGER_PAIRS
)
_ARM_PAIR = ((0, 1),)


def sideways_adjacency(num_nodes: int, inward: Edges, sideways: Edges, idle: Edges = ()) -> Tensor:
    """Adjacency in four subsets: a node itself, the farther ones, the nearer, those beside it.

    ``adjacency[k, v, w]`` weighs node v in node w and is 1 / the number of neighbours of w, itself
    among them.

    Args:
        num_nodes (int): Number of nodes.
        inward (Sequence): Edges (from, to) that point to the centre.
        sideways (Sequence): Edges between nodes at one depth.
        idle (Sequence): Edges that count as neighbours but carry nothing.

    Returns:
        Tensor: float32 [4, num_nodes, num_nodes].

    Raises:
        UserError: If an edge names a node that is not there.
    """
    for edge in (*inward, *sideways, *idle):
        if not all(0 <= node < num_nodes for node in edge):
            raise UserError(f"graph of {num_nodes} nodes (0..{num_nodes - 1}) has an edge {edge}")
    towards, beside, unused = (_matrix(num_nodes, edges) for edges in (inward, sideways, idle))
    subsets = torch.stack([torch.eye(num_nodes), towards, towards.t(), beside + beside.t()])
    return subsets / (subsets.sum((0, 1)) + (unused + unused.t()).sum(0))


def _matrix(num_nodes: int, edges: Edges) -> Tensor:
    matrix = torch.zeros(num_nodes, num_nodes)
    for start, end in edges:
        matrix[start, end] = 1
    return matrix


def sideways_edges(part: Part) -> tuple[Edges, Edges]:
    """Edges between neighbours at one depth: of the part's joints and of its sub-parts."""
    if part == BODY:
        return BODY_MIRROR_PAIRS, _ARM_PAIR
    return _HAND_PAIRS, _FINGER_PAIRS


def sideways_graphs(part: Part, sub_part_graph: dict | None = None) -> tuple[Tensor, Tensor]:
    """Adjacency [4, V, V] of a part's joints and [4, S, S] of its sub-parts.

    ``sub_part_graph`` replaces the edges of the latter: ``dict(inward=..., sideways=...,
    idle=...)``, as :func:`sideways_adjacency` takes them.
    """
    joint_pairs, sub_part_pairs = sideways_edges(part)
    edges = sub_part_graph or dict(inward=part.sub_part_edges, sideways=sub_part_pairs)
    return (
        sideways_adjacency(part.num_joints, part.edges, joint_pairs),
        sideways_adjacency(len(part.sub_parts), **edges),
    )
