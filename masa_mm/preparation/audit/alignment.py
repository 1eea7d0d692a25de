"""Frame-by-frame comparison of two clips: what remains when one is aligned to the other in time.

A re-encoded recording keeps its rate up to a constant factor: frame ``t`` of one clip shows what
the other shows at frame ``rate * t + offset``, give or take a dropped or repeated frame. Two takes
of a sign by one person differ in tempo and in every hand shape, which no such map removes.

1. Normalise each hand in each frame by its mean and its root mean square radius.
2. Start from the best of a few maps, most of which make the first or last frames with hands meet.
   Improve rate and offset by Gauss-Newton steps: the velocity of the joints tells how far each
   frame is off.
3. Subtract the aligned hands, each axis scaled by least squares, because the crop of a hand at the
   border of the image is stretched. Remove what a shift by up to 1.5 frames explains.

The noise of a pose estimator differs from frame to frame. A hand that is held in another way
differs for many frames. The correlation of the difference with that of the next frame tells them
apart. The slow difference of a pair is its difference times the square root of the correlation.

A hand that is held still looks the same in every frame, so frames of it agree whichever they are.
The motion of the hands tells how much the agreement of a pair means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from masa_mm.pose.skeleton import BODY, LEFT_HAND, RIGHT_HAND, Part
from masa_mm.preparation.audit.clips import AuditClips

# Frames of the pairs in memory at a time.
_BATCH_FRAMES = 8192
_RATES = (0.4, 2.5)
_STEPS = 8
# Frames by which a Gauss-Newton step and a dropped or repeated frame may shift.
_MAX_STEP, _MAX_SHIFT = 3.0, 1.5
# The starting map is chosen on every eighth frame; pairs that differ by more are not aligned.
_STRIDE, _HOPELESS = 8, 0.3
# A hand that the map does not compare counts as this difference, in hand radii.
_UNMATCHED = 0.5
_MIN_JOINTS = 10
# Estimators place a body at rest to about a hundredth of the image.
_MIN_SPREAD = 0.02


class Comparison(NamedTuple):
    """What remains between the two clips of each pair once they are aligned, [pairs] each.

    Args:
        hands (np.ndarray): Median difference of the hands, in hand radii; infinite if no frames
            with hands coincide.
        slow (np.ndarray): Slow part of that difference.
        motion (np.ndarray): Median difference of the compared hands of the shorter clip from their
            mean shape, in hand radii; 0 without compared hands.
        body (np.ndarray): Median difference of the upper body, in standard deviations of its
            joints from their mean; 0 if no joint coincides.
        num_hands (np.ndarray): Compared hands, one or two a frame.
        share (np.ndarray): Compared hands of all hands of the shorter clip.
    """

    hands: np.ndarray
    slow: np.ndarray
    motion: np.ndarray
    body: np.ndarray
    num_hands: np.ndarray
    share: np.ndarray


class _TimeMap(NamedTuple):
    """Frame ``t`` of the shorter clip shows frame ``rate * t + offset`` of the longer, [pairs]."""

    rate: np.ndarray
    offset: np.ndarray


@dataclass(frozen=True)
class _Rows:
    """The hands or the body of one clip of each pair: ``num_parts`` rows for each frame.

    Args:
        joints (np.ndarray): Coordinates, float32 [rows, 2, V]; 0 if absent.
        seen (np.ndarray): 1 for joints that are present, else 0, float32 [rows, 1, V].
        pair (np.ndarray): Pair of each row.
        time (np.ndarray): Frame of each row in its clip.
        part (np.ndarray): Number of each row among those of its frame.
        length (np.ndarray): Frames of each clip [pairs].
        num_parts (int): 2 for hands, 1 for a body.
    """

    joints: np.ndarray
    seen: np.ndarray
    pair: np.ndarray
    time: np.ndarray
    part: np.ndarray
    length: np.ndarray
    num_parts: int

    def select(self, rows: np.ndarray) -> _Rows:
        """Return some of the rows."""
        names = ("joints", "seen", "pair", "time", "part")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def sum(self, values: np.ndarray | None = None) -> np.ndarray:
        """Sum values [rows] over each pair; without values, count its rows."""
        return np.bincount(self.pair, values, len(self.length))

    @property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """First and last frame of the rows of each pair; 0 without rows."""
        first, last = self.length.copy(), np.zeros_like(self.length)
        np.minimum.at(first, self.pair, self.time)
        np.maximum.at(last, self.pair, self.time)
        return np.minimum(first, last), last

    def at(self, other: _Rows, time: np.ndarray) -> np.ndarray:
        """Return the row of these that belongs to each row of others, given its frame."""
        start = self.length.cumsum() - self.length
        return (start[other.pair] + time) * self.num_parts + other.part


def compare_pairs(clips: AuditClips, pairs: np.ndarray) -> Comparison:
    """Align the clips of each of the pairs, int64 [pairs, 2], and measure what remains."""
    parts = [Comparison(*np.zeros((len(Comparison._fields), 0)))]
    for batch in _batches(clips, pairs):
        # Interpolating between the frames of the longer clip is more accurate.
        order = np.argsort(clips.num_frames[batch], axis=1, kind="stable")
        shorter, longer = (
            _read(clips, numbers) for numbers in np.take_along_axis(batch, order, 1).T
        )
        parts.append(_compare(*shorter, *longer))
    return Comparison(*map(np.concatenate, zip(*parts)))


def _batches(clips: AuditClips, pairs: np.ndarray) -> Iterator[np.ndarray]:
    number = clips.num_frames[pairs].sum(1).cumsum() // _BATCH_FRAMES
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(pairs)]
    for low, high in pairwise(edges):
        if high > low:
            yield pairs[low:high]


def _read(clips: AuditClips, numbers: np.ndarray) -> tuple[_Rows, _Rows]:
    """Return the hands and the bodies of clips."""
    keypoint, score = map(np.concatenate, zip(*map(clips.clip, numbers.tolist())))
    keypoint = keypoint.astype(np.float32)
    seen = (score > 0) & np.isfinite(score)
    seen &= np.isfinite(keypoint[..., 0]) & np.isfinite(keypoint[..., 1])
    keypoint[~seen] = 0
    joints = np.ascontiguousarray(keypoint.swapaxes(1, 2))
    mask = seen[:, None].astype(np.float32)
    length = clips.num_frames[numbers]
    hands = _rows(joints, mask, length, [RIGHT_HAND, LEFT_HAND])
    return replace(hands, joints=_normalize(hands.joints, hands.seen)), _rows(
        joints, mask, length, [BODY]
    )


def _rows(joints: np.ndarray, seen: np.ndarray, length: np.ndarray, parts: Sequence[Part]) -> _Rows:
    """Return parts of the frames [F, 2 or 1, 49] of clips one after the other."""
    joints, seen = (
        np.stack([array[..., part.joints] for part in parts], 1).reshape(
            -1, array.shape[1], parts[0].num_joints
        )
        for array in (joints, seen)
    )
    frames = length * len(parts)
    pair = np.repeat(np.arange(len(length)), frames)
    row = np.arange(len(pair)) - (frames.cumsum() - frames)[pair]
    return _Rows(joints, seen, pair, row // len(parts), row % len(parts), length, len(parts))


def _inner(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Sum the product of [rows, 2, V] over axes and joints [rows]."""
    return np.einsum("rav,rav->r", first, second)


def _normalize(hand: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Subtract the mean of [rows, 2, 21] and divide by the root mean square distance from it."""
    count = np.maximum(_dot(seen, seen), 1)
    hand = (hand - _dot(hand, seen) / count) * seen
    radius = np.sqrt(_dot(hand, hand).sum(1, keepdims=True) / count)
    return hand / np.maximum(radius, 1e-6)


def _dot(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Sum the product of [rows, 2 or 1, V] over the joints: [rows, 2 or 1, 1]."""
    return np.einsum("rav,rav->ra", first, second)[..., None]


def _compare(hands: _Rows, body: _Rows, long_hands: _Rows, long_body: _Rows) -> Comparison:
    """Compare the shorter clips with the longer."""
    hands = hands.select(_enough(hands.seen))
    total = np.maximum(hands.sum(), 1)
    hands, time_map = _align(hands, long_hands)
    difference, velocity, used = _hand_difference(hands, long_hands, time_map)
    across = difference - _shift(difference, velocity, _MAX_SHIFT)[:, None, None] * velocity
    hands, difference, across = hands.select(used), difference[used], across[used]
    median = _median(_size(across), hands.pair, len(total))
    correlation = _correlation(hands, difference)
    # Without two frames in a row nothing tells whether the difference is noise.
    slow = np.where(correlation > 0, median * np.sqrt(np.minimum(np.abs(correlation), 1)), 0)
    count = hands.sum()
    return Comparison(
        median,
        slow,
        _motion(hands),
        _body_difference(body, long_body, time_map),
        count,
        count / total,
    )


# ---- alignment in time --------------------------------------------------------------------------


def _align(hands: _Rows, longer: _Rows) -> tuple[_Rows, _TimeMap]:
    """Find the map in time that makes the hands agree best, and the hands worth comparing."""
    few = hands.select(hands.time % _STRIDE == 0)
    best, cost = _choose(few, longer, _starts(hands, longer))
    hopeless = cost > _HOPELESS * few.sum()
    hands = hands.select(~hopeless[hands.pair])
    for _ in range(_STEPS):
        best = _improve(hands, longer, best)
    return hands, best


def _starts(hands: _Rows, longer: _Rows) -> list[_TimeMap]:
    """Return maps of several rates that make first hands, last hands or first frames meet."""
    first, last = hands.ends
    other = longer.select(_enough(longer.seen))
    other_first, other_last = other.ends
    stretch = np.clip((other_last - other_first) / np.maximum(last - first, 1), *_RATES)
    maps = [_TimeMap(stretch, other_first - stretch * first)]
    for rate in (np.ones(len(first)), np.clip(longer.length / hands.length, *_RATES)):
        offsets = other_first - rate * first, other_last - rate * last, np.zeros(len(first))
        maps += [_TimeMap(rate, offset) for offset in offsets]
    return maps


def _choose(hands: _Rows, longer: _Rows, maps: Sequence[_TimeMap]) -> tuple[_TimeMap, np.ndarray]:
    """Choose the best map of each pair, and return its sum of differences."""
    costs = []
    for time_map in maps:
        difference, _, used = _hand_difference(hands, longer, time_map)
        costs.append(hands.sum(np.where(used, _size(difference), _UNMATCHED)))
    best = np.argmin(costs, 0)
    return _TimeMap(*(np.choose(best, values) for values in zip(*maps))), np.min(costs, 0)


def _improve(hands: _Rows, longer: _Rows, time_map: _TimeMap) -> _TimeMap:
    """Fit the shifts that the hands suggest by a line in time, and add it to the map."""
    difference, velocity, _ = _hand_difference(hands, longer, time_map)
    shift = _shift(difference, velocity, _MAX_STEP)
    weight = _inner(velocity, velocity) + 1e-9
    total = np.maximum(hands.sum(weight), 1e-9)
    center = hands.sum(weight * hands.time) / total
    time = hands.time - center[hands.pair]
    slope = hands.sum(weight * time * shift) / np.maximum(hands.sum(weight * time**2), 1e-6)
    rate = np.clip(time_map.rate + slope, *_RATES)
    offset = time_map.offset + hands.sum(weight * shift) / total - (rate - time_map.rate) * center
    return _TimeMap(rate, offset)


def _shift(difference: np.ndarray, velocity: np.ndarray, limit: float) -> np.ndarray:
    """Return by how many frames of the longer clip each row is late [rows]."""
    square = np.maximum(_inner(velocity, velocity), 1e-9)
    return np.clip(_inner(difference, velocity) / square, -limit, limit)


# ---- differences --------------------------------------------------------------------------------


def _hand_difference(
    hands: _Rows, longer: _Rows, time_map: _TimeMap
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return difference and velocity [rows, 2, 21], and whether a row is compared; 0 if not."""
    target, velocity, seen = _interpolate(hands, longer, time_map)
    used = _enough(seen)
    seen = seen * used[:, None, None]
    difference = _residual(hands.joints, target, seen, _dot)
    return difference, _residual(velocity, target, seen, _dot), used


def _enough(seen: np.ndarray) -> np.ndarray:
    """Whether enough joints of a hand are seen to compare it [rows]."""
    return seen.sum((1, 2)) >= _MIN_JOINTS


def _body_difference(body: _Rows, longer: _Rows, time_map: _TimeMap) -> np.ndarray:
    """Return the median difference of the bodies, each axis scaled and shifted once for a pair."""
    target, _, seen = _interpolate(body, longer, time_map)

    def dot(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        product = _dot(first, second)[..., 0]
        return np.stack([body.sum(axis) for axis in product.T], 1)[body.pair, :, None]

    difference = _residual(body.joints, target, seen, dot)
    count = np.maximum(dot(seen, seen), 1)
    joints = (body.joints - dot(body.joints, seen) / count) * seen
    spread = np.sqrt(dot(joints, joints).sum(1, keepdims=True) / count)
    size = np.sqrt((difference**2).sum(1, keepdims=True)) / np.maximum(spread, _MIN_SPREAD)
    used = seen > 0
    pair = np.broadcast_to(body.pair[:, None, None], seen.shape)[used]
    median = _median(size[used], pair, len(body.length))
    return np.where(np.isfinite(median), median, 0)


def _interpolate(
    rows: _Rows, longer: _Rows, time_map: _TimeMap
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return joints of the longer clip at the time of each row, their velocity and presence."""
    time = time_map.rate[rows.pair] * rows.time + time_map.offset[rows.pair]
    last = longer.length[rows.pair] - 1
    inside = (time > -1) & (time < last + 1)
    time = np.clip(time, 0, last)
    low = np.minimum(time.astype(int), np.maximum(last - 1, 0))
    before, after = longer.at(rows, low), longer.at(rows, np.minimum(low + 1, last))
    velocity = longer.joints[after] - longer.joints[before]
    target = longer.joints[before] + (time - low).astype(np.float32)[:, None, None] * velocity
    seen = rows.seen * longer.seen[before] * longer.seen[after] * inside[:, None, None]
    return target, velocity, seen


def _residual(
    values: np.ndarray,
    target: np.ndarray,
    seen: np.ndarray,
    dot: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Subtract what shift and scale of each axis of the target explain; 0 where not seen."""
    count = np.maximum(dot(seen, seen), 1)
    values = (values - dot(values, seen) / count) * seen
    target = (target - dot(target, seen) / count) * seen
    return values - target * (dot(values, target) / np.maximum(dot(target, target), 1e-6))


def _size(difference: np.ndarray) -> np.ndarray:
    """Return the root mean square over the joints [rows] of a difference in hand radii."""
    return np.sqrt(_inner(difference, difference) / difference.shape[2])


def _median(values: np.ndarray, pair: np.ndarray, num_pairs: int) -> np.ndarray:
    """Return the median of the values [n] of each pair; infinite without values."""
    order = np.lexsort((values, pair))
    count = np.bincount(pair, minlength=num_pairs)
    start = count.cumsum() - count
    found = count > 0
    median = np.full(num_pairs, np.inf)
    low, high = (order[(start + middle)[found]] for middle in ((count - 1) // 2, count // 2))
    median[found] = (values[low] + values[high]) / 2
    return median


def _motion(hands: _Rows) -> np.ndarray:
    """Return the median difference of the hands of each pair from their mean shape; 0 without."""
    number = hands.pair * hands.num_parts + hands.part
    rows = np.arange(len(number))
    shape = (len(hands.length) * hands.num_parts, len(rows))
    # Its product with values of the rows sums them over the frames of each hand.
    frames = csr_matrix((np.ones(len(rows), np.float32), (number, rows)), shape)
    total, seen = (frames @ part for part in (hands.joints.reshape(-1, 42), hands.seen[:, 0]))
    mean = total.reshape(-1, 2, 21) / np.maximum(seen, 1)[:, None]
    size = _size((hands.joints - mean[number]) * hands.seen)
    median = _median(size, hands.pair, len(hands.length))
    return np.where(np.isfinite(median), median, 0)


def _correlation(hands: _Rows, difference: np.ndarray) -> np.ndarray:
    """Return the median correlation of the difference with that of the same hand a frame later.

    The median ignores single frames in which the estimator failed. Infinite without such frames.
    """
    order = np.lexsort((hands.time, hands.part, hands.pair))
    hands, difference = hands.select(order), difference[order]
    next_frame = (np.diff(hands.time) == 1) & (np.diff(hands.part) == 0)
    earlier = np.flatnonzero(next_frame & (np.diff(hands.pair) == 0))
    first, second = difference[earlier], difference[earlier + 1]
    power = np.sqrt(_inner(first, first) * _inner(second, second))
    cosine = _inner(first, second) / np.maximum(power, 1e-9)
    return _median(cosine, hands.pair[earlier], len(hands.length))
