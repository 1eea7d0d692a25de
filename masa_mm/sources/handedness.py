"""Which of two unnamed hands is the right one, consistently over a clip.

A detector of hands that does not know their sides gives up to two a frame, in any order. Of all
ways to name them, frame by frame, the one with the least cost is taken (a shortest path over the
frames, two states each), in units of the clip's mean hand size:

- a hand that goes on costs the way of its wrist since the last frame with a hand;
- a hand that appears or disappears costs 3: so a lone hand keeps its side unless it jumps far;
- a signer faces the camera: a right hand to the right of the left one in the image costs half of
  their distance, a lone hand in the other side's half of the image half of its distance from the
  middle. Of real signs the hands lie so in 95 % of frames, lone ones in 90 %.

The two costs were chosen on the clips of WLASL-hands, so how often they are right there
(docs/data/converters.md) says little of other signers and cameras.
So single crossings of the hands are followed, and the long run decides which track is the right
hand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

CHANGE_COST = 3.0
SIDE_COST = 0.5


def must_swap(hands: np.ndarray, present: np.ndarray, middle: float) -> np.ndarray:
    """Whether each frame's first hand is the signer's left one, so that the two must be exchanged.

    Args:
        hands: [T, 2, 21, 2], joints in the image, wrist first; x grows to the right.
        present: [T, 2], whether there is such a hand.
        middle: x of the image's middle.

    Returns:
        bool [T], True = exchange; frames without hands are False.
    """
    swap = np.zeros(len(hands), bool)
    seen = np.flatnonzero(present.any(1))
    if not len(seen):
        return swap
    hands, present = hands[seen], present[seen]
    size = _hand_size(hands[present])
    wrist = np.where(present[..., None], hands[:, :, 0], np.nan) / size
    place = _side_costs(wrist[..., 0], present, middle / size)
    steps = _step_costs(wrist, present)
    swap[seen] = _cheapest(place, steps) == 1
    return swap


def _hand_size(hands: np.ndarray) -> float:
    """The mean over hands of the larger extent of their joints; 1 if they have none."""
    extent = (hands.max(1) - hands.min(1)).max(1)
    return float(extent.mean()) or 1.0


def _side_costs(x: np.ndarray, present: np.ndarray, middle: float) -> np.ndarray:
    """What each frame's two states cost by the hands' places [T, 2]; state 1 exchanges them."""
    both = present.all(1)
    # How far the first hand, if it is the right one, lies on the wrong side; and the second.
    beyond = np.where(both, x[:, 0] - x[:, 1], np.where(present[:, 0], x[:, 0] - middle, 0))
    beyond = np.where(both | present[:, 0], beyond, middle - x[:, 1])
    return SIDE_COST * np.maximum(np.stack([beyond, -beyond], axis=1), 0)


def _step_costs(wrist: np.ndarray, present: np.ndarray) -> np.ndarray:
    """What going from one state to another costs between frames [T - 1, 2, 2]."""

    def cost(before: slice | list[int], after: slice | list[int]) -> np.ndarray:
        had, has = present[:-1, before], present[1:, after]
        way = np.linalg.norm(wrist[1:, after] - wrist[:-1, before], axis=-1)
        return np.where(had & has, way, CHANGE_COST * (had ^ has)).sum(1)

    straight, crossed = cost([0, 1], [0, 1]), cost([0, 1], [1, 0])
    return np.stack([straight, crossed, crossed, straight], axis=1).reshape(-1, 2, 2)


def _cheapest(place: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The states [T] of the cheapest path, given the costs of states [T, 2] and steps.

    The cost of the best path through each state is that of the best path to it and from it; both
    are running sums of 2 x 2 matrices in which addition is the minimum and multiplication the sum.
    """
    start = np.repeat(place[:1, None], 2, axis=1)  # as if either state came before, at no cost
    forward = _running(np.concatenate([start, steps + place[1:, None]]), _min_plus)[:, 0]
    backwards = (steps + place[1:, None]).transpose(0, 2, 1)[::-1]
    end = np.zeros((1, 2, 2))
    backward = _running(np.concatenate([end, backwards]), _min_plus).min(1)[::-1]
    total = forward + backward
    # Where both states are as good, up to rounding, the given order stays.
    return (total[:, 1] < total[:, 0] - 1e-9).astype(np.int64)


def _min_plus(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return (left[:, :, :, None] + right[:, None]).min(2)


def _running(matrices: np.ndarray, product: Callable) -> np.ndarray:
    """All products of the first n matrices, in log2(n) rounds over whole arrays."""
    out, shift = matrices.copy(), 1
    while shift < len(out):
        out[shift:] = product(out[:-shift], out[shift:])
        shift *= 2
    return out
