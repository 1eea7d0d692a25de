"""The 49 joints of a sign pose and how they are grouped, as plain data.

Joint order (MASA, section III-A; layout name ``sign49``): right hand 0..20, left hand 21..41,
upper body 42..48. Hand joints run wrist, thumb, index, middle, ring, little, four each from palm to tip.
"""

from __future__ import annotations

from typing import NamedTuple

HAND_JOINTS = (
    "wrist",
    *(f"{finger}_{i}" for finger in ("thumb", "index", "middle", "ring", "little") for i in range(1, 5)),
)
BODY_JOINTS = (
    "nose",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
)
SIGN49_JOINTS = (
    *(f"right_hand_{name}" for name in HAND_JOINTS),
    *(f"left_hand_{name}" for name in HAND_JOINTS),
    *BODY_JOINTS,
)
NUM_JOINTS = len(SIGN49_JOINTS)


class Part(NamedTuple):
    """A group of joints with a graph of its own.

    ``edges`` and ``sub_parts`` are in part-local joint numbers; edges point inward, from the tip to the centre.
    """

    name: str
    start: int
    num_joints: int
    edges: tuple[tuple[int, int], ...]
    center: int
    sub_parts: tuple[tuple[int, ...], ...]
    sub_part_edges: tuple[tuple[int, int], ...]
    sub_part_center: int

    @property
    def joints(self) -> slice:
        """The part's joints within the 49."""
        return slice(self.start, self.start + self.num_joints)


_HAND_EDGES = tuple(
    (joint, joint - 1 if joint % 4 != 1 else 0) for joint in range(1, len(HAND_JOINTS))
)
# Five fingers, then the palm, which holds them together.
_HAND_SUB_PARTS = (
    (2, 3, 4),
    (6, 7, 8),
    (10, 11, 12),
    (14, 15, 16),
    (18, 19, 20),
    (0, 1, 5, 9, 13, 17),
)
_HAND_SUB_PART_EDGES = tuple((finger, 5) for finger in range(5))
_BODY_EDGES = ((3, 2), (2, 1), (1, 0), (6, 5), (5, 4), (4, 0))
_BODY_SUB_PARTS = ((1, 2, 3), (4, 5, 6), (0,))
_BODY_SUB_PART_EDGES = ((0, 2), (1, 2))


def _hand(name: str, start: int) -> Part:
    return Part(name, start, 21, _HAND_EDGES, 0, _HAND_SUB_PARTS, _HAND_SUB_PART_EDGES, 5)


PARTS = (
    _hand("right_hand", 0),
    _hand("left_hand", 21),
    Part("body", 42, 7, _BODY_EDGES, 0, _BODY_SUB_PARTS, _BODY_SUB_PART_EDGES, 2),
)
RIGHT_HAND, LEFT_HAND, BODY = PARTS

# Wrist of the body and root of the hand are one joint seen twice: the edges that join a whole-skeleton graph.
WRIST_LINKS = ((RIGHT_HAND.start, BODY.start + 6), (LEFT_HAND.start, BODY.start + 3))
# Body joints that change places in the mirror image of a signer, in part-local numbers.
BODY_MIRROR_PAIRS = ((1, 4), (2, 5), (3, 6))


def graph_layout() -> dict:
    """The whole 49-joint graph in the form that ``mmaction.models.utils.Graph(layout=dict)`` takes."""
    inward = [
        (part.start + i, part.start + j) for part in PARTS for i, j in part.edges
    ] + list(WRIST_LINKS)
    return dict(num_node=NUM_JOINTS, inward=inward, center=BODY.start)
