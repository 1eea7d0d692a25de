"""Signers: how someone's body and manner turn a sign into joints in space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from masa_mm.pose.skeleton import BODY, LEFT_HAND, NUM_JOINTS, RIGHT_HAND
from masa_mm.preparation.demo.arm import reach
from masa_mm.preparation.demo.hand import RELAXED, hand_joints
from masa_mm.preparation.demo.signs import PALM, HandSign, Sign, hand_frames

MIN_FRAMES, MAX_FRAMES = 24, 80
_REST_FRAME = hand_frames(np.array([[0.15, 1.0, -0.25], [0.9, 0.0, 0.3]])).as_quat()


@dataclass(frozen=True)
class Signer:
    """One person's measures (metres, radians) and habits, fixed over all clips."""

    number: int
    left_handed: bool
    half_shoulders: float
    upper_arm: float
    forearm: float
    hand: float
    finger_scale: np.ndarray  # [5, 1] relative bone lengths of the fingers
    nose: np.ndarray  # [3]
    rest: np.ndarray  # [3] where the right hand rests
    speed: float  # 1.0 is average
    size: float  # amplitude of movements, 1.0 is average
    offset: np.ndarray  # [3] where this person makes signs relative to others
    slack: float  # 0: textbook handshapes, 1: always relaxed
    tilt: Rotation  # how this person holds the hands relative to others
    view: Rotation  # how the body is turned to the camera


def make_signer(number: int, seed: int = 0) -> Signer:
    """Signer ``number`` of a seed's population; independent of how many others there are."""
    rng = np.random.default_rng([seed, 2, number])
    build = rng.normal(1.0, 0.05)
    return Signer(
        number=number,
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
    """One repetition of a sign, no two alike.

    Returns:
        float64 [T, 49, 3] joints in metres, 24 <= T <= 80; x to the image's right, y down, z away
        from the camera, the origin between the shoulders.
    """
    raised, progress = _timeline(sign, signer, rng)
    sway = _sway(len(raised), rng)
    variation = rng.normal(size=(2, 20))
    rest_too = raised * (0.0 if sign.other is None else 1.0)
    dominant = _arm(sign.dominant, raised, progress, 0.0, signer, sway, variation[0])
    other = _arm(
        sign.other or sign.dominant, rest_too, progress, sign.lag, signer, sway, variation[1]
    )
    joints = np.zeros((len(raised), NUM_JOINTS, 3))
    mirror = np.array([-1.0, 1.0, 1.0])
    right, left = (other, dominant) if signer.left_handed else (dominant, other)
    joints[:, RIGHT_HAND.joints] = right[:, 3:]
    joints[:, LEFT_HAND.joints] = left[:, 3:] * mirror
    body = joints[:, BODY.joints]
    body[:, 0] = signer.nose + 1.6 * sway
    body[:, 1:4] = left[:, :3] * mirror
    body[:, 4:7] = right[:, :3]
    return joints @ signer.view.as_matrix().T


def _timeline(
    sign: Sign, signer: Signer, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """How far the hands are raised [T] and how much of the sign is done [T], both in [0, 1]."""
    pace = signer.speed * np.exp(rng.normal(0, 0.1))
    stroke = sign.num_frames / pace
    before, after = rng.uniform([9, 8], [17, 15]) / pace
    total = int(np.clip(round(before + stroke + after), MIN_FRAMES, MAX_FRAMES))
    time = np.linspace(0, before + stroke + after, total)
    # Videos are cut to the sign with more or less care: some begin with the hand half raised.
    cut_in, cut_out = rng.uniform(0, 0.7, 2) * (rng.random(2) < 0.5)
    rising = _smooth(cut_in + (1 - cut_in) * time / before)
    falling = _smooth(cut_out + (1 - cut_out) * (time[-1] - time) / after)
    progress = np.clip((time - before) / stroke, 0, 1)
    bend = rng.uniform(-0.12, 0.12)
    return np.minimum(rising, falling), progress + bend * np.sin(np.pi * progress) ** 2


def _sway(num_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Slow movement of the trunk [T, 3], a few millimetres."""
    time = np.arange(num_frames)[:, None]
    phase, period = rng.uniform(0, 2 * np.pi, 3), rng.uniform(30, 90, 3)
    return 0.006 * np.sin(2 * np.pi * time / period + phase)


def _arm(
    sign: HandSign,
    raised: np.ndarray,
    progress: np.ndarray,
    lag: float,
    signer: Signer,
    sway: np.ndarray,
    variation: np.ndarray,
) -> np.ndarray:
    """[T, 24, 3] a right arm: shoulder, elbow, wrist and the hand's 21 joints."""
    palm, share = _palm_path(sign, progress, lag, signer, variation)
    frame = _hand_frame(sign, raised, progress, share, signer, variation)
    relaxed = signer.slack + (1 - signer.slack) * (1 - raised[:, None, None])
    shape = _between(sign.shapes, share) + 0.08 * variation[6:11, None]
    angles = shape + relaxed * (RELAXED - shape)
    matrix = frame.as_matrix()
    wrist_of_sign = palm - PALM * matrix[..., 0]
    target = signer.rest + raised[:, None] * (wrist_of_sign - signer.rest)
    # On its way up and down a hand swings forward, clear of the trunk.
    target[:, 2] -= 0.5 * raised * (1 - raised)
    shoulder = np.array([-signer.half_shoulders, 0.0, 0.0]) + sway
    # Nobody raises a hand to the brow without lifting the shoulder a little.
    shoulder[:, 1] -= 0.05 * np.clip(0.15 - target[:, 1], 0, 0.5)
    elbow, wrist = reach(shoulder, target + sway, signer.upper_arm, signer.forearm)
    own = signer.hand * hand_joints(angles, signer.finger_scale)
    hand = wrist[:, None] + own @ matrix.transpose(0, 2, 1)
    return np.concatenate([shoulder[:, None], elbow[:, None], wrist[:, None], hand], axis=1)


def _palm_path(
    sign: HandSign, progress: np.ndarray, lag: float, signer: Signer, variation: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Palm positions [T, 3] and the share of the way from start to end [T]."""
    share = (1 - np.cos(np.pi * (2 * sign.strokes - 1) * progress)) / 2
    angle = 2 * np.pi * (sign.cycles * progress[:, None] + lag)
    # Circles and shakes begin and end gently.
    gate = np.clip(np.sin(np.pi * np.clip(progress, 0, 1)) * 2.5, 0, 1)[:, None]
    aside = (
        np.sin(np.pi * share)[:, None] * sign.bulge
        + gate * ((np.cos(angle) - 1) * sign.circle[0] + np.sin(angle) * sign.circle[1])
        + gate * np.sin(angle) * sign.shake
    )
    size = signer.size * (1 + 0.1 * variation[11])
    middle = (sign.start + sign.end) / 2
    way = (share[:, None] - 0.5) * (sign.end - sign.start)
    place = middle + signer.offset + 0.02 * variation[:3]
    return place + size * (way + aside), share


def _hand_frame(
    sign: HandSign,
    raised: np.ndarray,
    progress: np.ndarray,
    share: np.ndarray,
    signer: Signer,
    variation: np.ndarray,
) -> Rotation:
    """Orientation of the hand in each frame, blended from rest, start and end."""
    held = signer.tilt * Rotation.from_rotvec(0.12 * variation[3:6])
    start = (held * Rotation.from_quat(sign.frames[0])).as_quat()
    end = (held * Rotation.from_quat(sign.frames[1])).as_quat()
    end = end * (1.0 if end @ start >= 0 else -1.0)
    rest = _REST_FRAME * (1.0 if _REST_FRAME @ (start + end) >= 0 else -1.0)
    signing = _between(np.stack([start, end]), share)
    blend = rest + raised[:, None] * (signing - rest)
    twist = sign.twist * np.sin(2 * np.pi * sign.cycles * progress) * raised
    about_fingers = np.stack([twist, np.zeros_like(twist), np.zeros_like(twist)], axis=-1)
    return Rotation.from_quat(blend) * Rotation.from_rotvec(about_fingers)


def _between(ends: np.ndarray, share: np.ndarray) -> np.ndarray:
    """[T, ...] the mixture of ``ends`` [2, ...] by the share [T] of the second."""
    share = share.reshape(-1, *[1] * (ends.ndim - 1))
    return ends[0] + share * (ends[1] - ends[0])


def _smooth(value: np.ndarray) -> np.ndarray:
    """Smoothstep: a raise that starts and stops without a jerk."""
    value = np.clip(value, 0, 1)
    return value * value * (3 - 2 * value)
