"""Random division of labelled clips among train, val and test, by signer or by clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PARTS = ("train", "val", "test")
HELD_OUT_SHARE = 0.15  # of val, and of test
# With fewer signers there is no test part: training would lose too many of them.
MIN_SIGNERS_FOR_TEST = 4
_DRAWS = 300  # random divisions of the signers, of which the best is kept
TRAIN, VAL, TEST = range(3)


def divide_signers(label: np.ndarray, signer: Sequence[str], seed: int = 0) -> np.ndarray:
    """Divide whole signers, so that every class keeps train clips.

    Of many random divisions, the one is chosen whose parts are nearest to their shares of the clips
    and have the most classes. There is no test part with fewer than
    :data:`MIN_SIGNERS_FOR_TEST` signers.

    Args:
        label (np.ndarray): Class of each clip [clips], from 0.
        signer (Sequence[str]): Name of each clip's signer [clips], two or more.
        seed (int): Seed of the draws.

    Returns:
        np.ndarray: Part of each clip [clips], an index into :data:`PARTS`. Val and test may be
            empty.
    """
    names, number = np.unique(np.asarray(signer), return_inverse=True)
    counts = np.zeros((len(names), label.max() + 1), np.int64)
    np.add.at(counts, (number, label), 1)
    rng = np.random.default_rng(seed)
    held_out = (TEST, VAL) if len(names) >= MIN_SIGNERS_FOR_TEST else (VAL,)
    draws = [_draw(counts, held_out, rng) for _ in range(_DRAWS)]
    return min(draws, key=lambda part_of: _cost(counts, part_of))[number]


def _draw(counts: np.ndarray, held_out: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Draw the part of each signer [signers], given the clips of each signer and class."""
    part_of, order = np.full(len(counts), TRAIN), rng.permutation(len(counts))
    share = counts.sum(1)[order] / counts.sum()
    first = 0
    for left, part in zip(range(len(held_out), 0, -1), held_out):
        # At least one signer remains for each part that follows, and for train.
        reached = share[first : len(order) - left].cumsum()
        last = first + int(np.abs(reached - HELD_OUT_SHARE).argmin()) + 1
        part_of[order[first:last]] = part
        first = last
    _return_to_train(counts, part_of)
    return part_of


def _return_to_train(counts: np.ndarray, part_of: np.ndarray) -> None:
    """Move signers back to train, in place, until each class has train clips."""
    while True:
        missing = (counts[part_of == TRAIN].sum(0) == 0) & (counts.sum(0) > 0)
        if not missing.any():
            return
        useful = (counts[:, missing] > 0).sum(1) * (part_of != TRAIN)
        part_of[useful.argmax()] = TRAIN


def _cost(counts: np.ndarray, part_of: np.ndarray) -> float:
    """Return how far the parts are from their shares, and the share of classes they lack."""
    of_part = np.stack([counts[part_of == part].sum(0) for part in (VAL, TEST)])
    shares = of_part.sum(1) / counts.sum()
    classes = (of_part[:, counts.sum(0) > 0] > 0).mean(1)
    return float(np.abs(shares - HELD_OUT_SHARE).sum() + (1 - classes).sum())


def divide_clips(label: np.ndarray, seed: int = 0) -> np.ndarray:
    """Divide the clips of each class at random; arguments and result as above.

    A class of one clip is in train alone, and one of two or three clips is not in test.
    """
    _, inverse, counts = np.unique(label, return_inverse=True, return_counts=True)
    order = np.lexsort((np.random.default_rng(seed).random(len(label)), inverse))
    rank = np.empty(len(label), np.int64)
    rank[order] = np.arange(len(label)) - np.repeat(counts.cumsum() - counts, counts)
    share = np.maximum(1, np.floor(HELD_OUT_SHARE * counts + 0.5))
    num_val, num_test = np.where(counts > 1, share, 0), np.where(counts > 3, share, 0)
    in_val, in_test = rank < num_val[inverse], rank < (num_val + num_test)[inverse]
    return np.where(in_val, VAL, np.where(in_test, TEST, TRAIN))
