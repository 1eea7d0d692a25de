"""Graphs with lateral edges, between neighbours at one depth: finger to finger, arm to arm."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from masa_mm.errors import UserError
from masa_mm.pose.skeleton import BODY, BODY_MIRROR_PAIRS, Part

Edges = Sequence[tuple[int, int]]

_FINGER_PAIRS = ((0, 1), (1, 2), (2, 3), (3, 4))
# Joints at one depth of neighbouring fingers; four joints to a finger, after the wrist.
_HAND_PAIRS = tuple(
    (4 * finger + joint, 4 * neighbour + joint)
    for joint in range(1, 5)
    for finger, neighbour in _FINGER_PAIRS
)
_ARM_PAIR = ((0, 1),)


def lateral_adjacency(num_nodes: int, inward: Edges, lateral: Edges, idle: Edges = ()) -> Tensor:
    """Make adjacency in four subsets: a node itself, farther, nearer and lateral neighbours.

    ``adjacency[k, v, w]`` weighs node v in node w and is 1 / the number of neighbours of w, itself
    included.

    Args:
        num_nodes (int): Number of nodes.
        inward (Sequence): Edges (from, to) that point to the centre.
        lateral (Sequence): Edges between nodes at one depth.
        idle (Sequence): Edges that count as neighbours but have no weight.

    Returns:
        Tensor: float32 [4, num_nodes, num_nodes].

    Raises:
        UserError: If an edge names a node that does not exist.
    """
    for edge in (*inward, *lateral, *idle):
        if not all(0 <= node < num_nodes for node in edge):
            raise UserError(f"graph of {num_nodes} nodes (0..{num_nodes - 1}) has an edge {edge}")
    towards, across, unused = (_matrix(num_nodes, edges) for edges in (inward, lateral, idle))
    subsets = torch.stack([torch.eye(num_nodes), towards, towards.t(), across + across.t()])
    return subsets / (subsets.sum((0, 1)) + (unused + unused.t()).sum(0))


def _matrix(num_nodes: int, edges: Edges) -> Tensor:
    matrix = torch.zeros(num_nodes, num_nodes)
    for start, end in edges:
        matrix[start, end] = 1
    return matrix


def lateral_graphs(part: Part, sub_part_graph: dict | None = None) -> tuple[Tensor, Tensor]:
    """Make the adjacency [4, V, V] of a part's joints and [4, S, S] of its sub-parts.

    ``sub_part_graph`` replaces the edges of the latter: a dict of ``inward``, ``lateral`` and
    ``idle``, as :func:`lateral_adjacency` takes them.
    """
    is_body = part == BODY
    joint_pairs = BODY_MIRROR_PAIRS if is_body else _HAND_PAIRS
    sub_part_pairs = _ARM_PAIR if is_body else _FINGER_PAIRS
    edges = sub_part_graph or dict(inward=part.sub_part_edges, lateral=sub_part_pairs)
    return (
        lateral_adjacency(part.num_joints, part.edges, joint_pairs),
        lateral_adjacency(len(part.sub_parts), **edges),
    )
