"""Handedness of detected hands: which is the right hand, consistently over a clip.

A detector that does not tell handedness gives up to two hands per frame in any order. Of all
assignments, frame by frame, the cheapest is taken (a shortest path with two states per frame).
Distances are in units of the clip's mean hand size:

- a hand that stays costs the distance of its wrist from the previous frame with a hand;
- a hand that appears or disappears costs 3, so that a lone hand keeps its side unless it jumps far;
- the signer faces the camera. A right hand to the right of the left one in the image costs half
  their distance, a lone hand in the other half of the image half its distance from the middle. In
  real signs 95 % of frames with two hands and 90 % of those with one satisfy this.

So hands may cross briefly, and the majority of frames decides which track is the right hand. The
two costs were tuned on the clips of WLASL-hands; the accuracy measured there
(docs/data/converters.md) does not carry over to other signers and cameras.
"""

from __future__ import annotations

import numpy as np

CHANGE_COST = 3.0
SIDE_COST = 0.5


def must_swap(hands: np.ndarray, present: np.ndarray, middle: float) -> np.ndarray:
    """Decide in which frames the first hand is the signer's left one.

    Args:
        hands (np.ndarray): [T, 2, 21, 2] in the image, wrist first; x grows to the right.
        present (np.ndarray): bool [T, 2], whether there is such a hand.
        middle (float): x of the image's middle.

    Returns:
        np.ndarray: bool [T], True = swap the two; False for frames without hands.
    """
    swap = np.zeros(len(hands), bool)
    frames = np.flatnonzero(present.any(1))
    if not len(frames):
        return swap
    hands, present = hands[frames], present[frames]
    size = _hand_size(hands[present])
    wrist = np.where(present[..., None], hands[:, :, 0], np.nan) / size
    side_costs = _side_costs(wrist[..., 0], present, middle / size)
    swap[frames] = _cheapest_path(side_costs, _step_costs(wrist, present))
    return swap


def _hand_size(hands: np.ndarray) -> float:
    """Mean over hands of the larger extent of their joints; 1 if all extents are 0."""
    extent = (hands.max(1) - hands.min(1)).max(1)
    return float(extent.mean()) or 1.0


def _side_costs(x: np.ndarray, present: np.ndarray, middle: float) -> np.ndarray:
    """Cost of each frame's two states by the position of the hands [T, 2]; state 1 swaps them."""
    both = present.all(1)
    # Distance on the wrong side if the first hand is the right one; negated for the other state.
    excess = np.where(both, x[:, 0] - x[:, 1], np.where(present[:, 0], x[:, 0] - middle, 0))
    excess = np.where(both | present[:, 0], excess, middle - x[:, 1])
    return SIDE_COST * np.maximum(np.stack([excess, -excess], axis=1), 0)


def _step_costs(wrist: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Cost of each transition between consecutive frames [T - 1, from 2, to 2]."""

    def cost(before: slice | list[int], after: slice | list[int]) -> np.ndarray:
        had, has = present[:-1, before], present[1:, after]
        distance = np.linalg.norm(wrist[1:, after] - wrist[:-1, before], axis=-1)
        return np.where(had & has, distance, CHANGE_COST * (had ^ has)).sum(1)

    same, crossed = cost([0, 1], [0, 1]), cost([0, 1], [1, 0])
    return np.stack([same, crossed, crossed, same], axis=1).reshape(-1, 2, 2)


def _cheapest_path(side_costs: np.ndarray, step_costs: np.ndarray) -> np.ndarray:
    """Whether the cheapest path is in state 1, bool [T], given the costs [T, 2], [T - 1, 2, 2].

    The best path through a state costs the best path to it plus the best path from it. Both are
    cumulative products of 2 x 2 matrices in the (min, +) semiring.
    """
    start = np.repeat(side_costs[:1, None], 2, axis=1)  # either state may come first
    steps = step_costs + side_costs[1:, None]
    forward = _min_plus_products(np.concatenate([start, steps]))[:, 0]
    reverse = np.concatenate([np.zeros((1, 2, 2)), steps.transpose(0, 2, 1)[::-1]])
    total = forward + _min_plus_products(reverse).min(1)[::-1]
    # On ties, up to rounding, the given order stays.
    return total[:, 1] < total[:, 0] - 1e-9


def _min_plus_products(matrices: np.ndarray) -> np.ndarray:
    """Products of the first n matrices for every n, in log2(N) rounds over whole arrays."""
    out, shift = matrices.copy(), 1
    while shift < len(out):
        out[shift:] = (out[:-shift, :, :, None] + out[shift:, None]).min(2)
        shift *= 2
    return out
