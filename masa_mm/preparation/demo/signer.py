"""Signers: their bodies and habits, and how they perform a sign as joints in space."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from masa_mm.pose.skeleton import BODY, LEFT_HAND, NUM_JOINTS, RIGHT_HAND
from masa_mm.preparation.demo.kinematics import RELAXED, hand_joints, reach
from masa_mm.preparation.demo.signs import PALM, HandSign, Sign, hand_frames

MIN_FRAMES, MAX_FRAMES = 24, 80
_REST_FRAME = hand_frames(np.array([[0.15, 1.0, -0.25], [0.9, 0.0, 0.3]])).as_quat()
_MIRROR = np.array([-1.0, 1.0, 1.0])


class Signer(NamedTuple):
    """A person's measures (metres, radians) and habits, the same in all clips."""

    left_handed: bool
    half_shoulders: float
    upper_arm: float
    forearm: float
    hand: float
    finger_scale: np.ndarray  # [5, 1] relative bone lengths of the fingers
    nose: np.ndarray  # [3]
    rest: np.ndarray  # [3] position of the resting right hand
    speed: float  # 1.0 is average
    size: float  # amplitude of movements, 1.0 is average
    offset: np.ndarray  # [3] of all locations
    slack: float  # 0: handshapes exactly as defined, 1: always relaxed
    tilt: Rotation  # of all hand orientations
    view: Rotation  # of the body relative to the camera


class _Timeline(NamedTuple):
    """The course of a clip."""

    raised: np.ndarray  # [T] 0: the hand rests, 1: it signs
    progress: np.ndarray  # [T] how much of the sign is done, in [0, 1]


def make_signer(number: int, seed: int = 0) -> Signer:
    """Make signer ``number`` of a seed's population; it does not depend on the other signers."""
    rng = np.random.default_rng([seed, 2, number])
    build = rng.normal(1.0, 0.05)
    return Signer(
        left_handed=bool(rng.random() < 0.15),
        half_shoulders=0.175 * build * rng.normal(1, 0.04),
        upper_arm=0.28 * build * rng.normal(1, 0.03),
        forearm=0.25 * build * rng.normal(1, 0.03),
        hand=0.185 * build * rng.normal(1, 0.04),
        finger_scale=rng.normal(1, 0.05, (5, 1)),
        nose=np.array([0.0, -0.23, -0.11]) * build + rng.normal(0, 0.01, 3),
        rest=np.array([-0.17, 0.43, -0.16]) * build + rng.normal(0, 0.04, 3),
        speed=float(np.exp(rng.normal(0, 0.16))),
        size=float(np.exp(rng.normal(0, 0.20))),
        offset=rng.normal(0, 0.03, 3),
        slack=rng.uniform(0.0, 0.35),
        tilt=Rotation.from_rotvec(rng.normal(0, 0.20, 3)),
        view=Rotation.from_euler("yxz", rng.normal(0, [0.20, 0.07, 0.04])),
    )


def perform(sign: Sign, signer: Signer, rng: np.random.Generator) -> np.ndarray:
    """Perform a sign once; each repetition is different.

    Returns:
        np.ndarray: Joints float64 [T, 49, 3] in metres, 24 <= T <= 80; x to the image's right, y
            down, z away from the camera, the origin between the shoulders.
    """
    timeline = _timeline(sign, signer, rng)
    sway = _sway(len(timeline.raised), rng)
    variation = rng.normal(size=(2, 20))
    dominant = _arm(sign.dominant, timeline, 0.0, signer, sway, variation[0])
    if sign.other is None:
        timeline = timeline._replace(raised=np.zeros_like(timeline.raised))
    other = _arm(sign.other or sign.dominant, timeline, sign.lag, signer, sway, variation[1])
    right, left = (other, dominant) if signer.left_handed else (dominant, other)
    left = left * _MIRROR
    joints = np.zeros((len(sway), NUM_JOINTS, 3))
    joints[:, RIGHT_HAND.joints] = right[:, 3:]
    joints[:, LEFT_HAND.joints] = left[:, 3:]
    body = joints[:, BODY.joints]
    body[:, 0] = signer.nose + 1.6 * sway
    body[:, 1:4] = left[:, :3]
    body[:, 4:7] = right[:, :3]
    return joints @ signer.view.as_matrix().T


def _timeline(sign: Sign, signer: Signer, rng: np.random.Generator) -> _Timeline:
    pace = signer.speed * np.exp(rng.normal(0, 0.1))
    stroke = sign.num_frames / pace
    before, after = rng.uniform([9, 8], [17, 15]) / pace
    total = int(np.clip(round(before + stroke + after), MIN_FRAMES, MAX_FRAMES))
    time = np.linspace(0, before + stroke + after, total)
    # Half of the clips are cut so closely that they begin or end with the hand partly raised.
    cut_in, cut_out = rng.uniform(0, 0.7, 2) * (rng.random(2) < 0.5)
    rising = _smoothstep(cut_in + (1 - cut_in) * time / before)
    falling = _smoothstep(cut_out + (1 - cut_out) * (time[-1] - time) / after)
    progress = np.clip((time - before) / stroke, 0, 1)
    bend = rng.uniform(-0.12, 0.12)
    return _Timeline(np.minimum(rising, falling), progress + bend * np.sin(np.pi * progress) ** 2)


def _sway(num_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Slow movement of the trunk [T, 3], a few millimetres."""
    time = np.arange(num_frames)[:, None]
    phase, period = rng.uniform(0, 2 * np.pi, 3), rng.uniform(30, 90, 3)
    return 0.006 * np.sin(2 * np.pi * time / period + phase)


def _arm(
    sign: HandSign,
    timeline: _Timeline,
    lag: float,
    signer: Signer,
    sway: np.ndarray,
    variation: np.ndarray,
) -> np.ndarray:
    """Joints [T, 24, 3] of a right arm: shoulder, elbow, wrist and the 21 joints of the hand."""
    raised = timeline.raised
    palm, share = _palm_path(sign, timeline.progress, lag, signer, variation)
    frame = _hand_frame(sign, timeline, share, signer, variation).as_matrix()
    relaxed = signer.slack + (1 - signer.slack) * (1 - raised[:, None, None])
    shape = _interpolate(sign.shapes, share) + 0.08 * variation[6:11, None]
    angles = shape + relaxed * (RELAXED - shape)
    signing = palm - PALM * frame[..., 0]
    target = signer.rest + raised[:, None] * (signing - signer.rest)
    # On its way up and down the hand swings forward, clear of the trunk.
    target[:, 2] -= 0.5 * raised * (1 - raised)
    shoulder = np.array([-signer.half_shoulders, 0.0, 0.0]) + sway
    # A hand at the brow lifts the shoulder a little.
    shoulder[:, 1] -= 0.05 * np.clip(0.15 - target[:, 1], 0, 0.5)
    elbow, wrist = reach(shoulder, target + sway, signer.upper_arm, signer.forearm)
    in_hand_axes = signer.hand * hand_joints(angles, signer.finger_scale)
    hand = wrist[:, None] + in_hand_axes @ frame.transpose(0, 2, 1)
    return np.concatenate([shoulder[:, None], elbow[:, None], wrist[:, None], hand], axis=1)


def _palm_path(
    sign: HandSign, progress: np.ndarray, lag: float, signer: Signer, variation: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the palm [T, 3] and the share of the path from start to end [T]."""
    share = (1 - np.cos(np.pi * (2 * sign.strokes - 1) * progress)) / 2
    angle = 2 * np.pi * (sign.cycles * progress[:, None] + lag)
    # Circles and shakes begin and end gently.
    gate = np.clip(np.sin(np.pi * np.clip(progress, 0, 1)) * 2.5, 0, 1)[:, None]
    aside = (
        np.sin(np.pi * share)[:, None] * sign.bulge
        + gate * ((np.cos(angle) - 1) * sign.first_axis + np.sin(angle) * sign.second_axis)
        + gate * np.sin(angle) * sign.shake
    )
    size = signer.size * (1 + 0.1 * variation[11])
    middle = (sign.start + sign.end) / 2
    along = (share[:, None] - 0.5) * (sign.end - sign.start)
    center = middle + signer.offset + 0.02 * variation[:3]
    return center + size * (along + aside), share


def _hand_frame(
    sign: HandSign, timeline: _Timeline, share: np.ndarray, signer: Signer, variation: np.ndarray
) -> Rotation:
    """Orientation of the hand in each frame, interpolated between rest, start and end."""
    tilt = signer.tilt * Rotation.from_rotvec(0.12 * variation[3:6])
    start, end = ((tilt * Rotation.from_quat(frame)).as_quat() for frame in sign.frames)
    # q and -q are one rotation: choose the signs that make the path short.
    end = end * (1.0 if end @ start >= 0 else -1.0)
    rest = _REST_FRAME * (1.0 if _REST_FRAME @ (start + end) >= 0 else -1.0)
    signing = _interpolate(np.stack([start, end]), share)
    frame = rest + timeline.raised[:, None] * (signing - rest)
    twist = sign.twist * np.sin(2 * np.pi * sign.cycles * timeline.progress) * timeline.raised
    return Rotation.from_quat(frame) * Rotation.from_rotvec(twist[:, None] * [1.0, 0.0, 0.0])


def _interpolate(ends: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Mix two arrays ``ends`` [2, ...] by the share [T] of the second; returns [T, ...]."""
    share = share.reshape(-1, *[1] * (ends.ndim - 1))
    return ends[0] + share * (ends[1] - ends[0])


def _smoothstep(value: np.ndarray) -> np.ndarray:
    value = np.clip(value, 0, 1)
    return value * value * (3 - 2 * value)
