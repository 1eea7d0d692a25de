"""The signs of the demo language: location, movement, handshape and orientation, drawn from a seed.

These are the four parameters by which sign phonology distinguishes signs. Every second sign differs
from the one before it in a single parameter (a minimal pair), so that the location of the hands
alone does not identify a sign.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from masa_mm.errors import UserError
from masa_mm.preparation.demo.kinematics import HANDSHAPES, reach

# Positions of the right palm, relative to the middle between the shoulders of an average signer.
LOCATIONS: dict[str, tuple[float, float, float]] = {
    "brow": (-0.08, -0.34, -0.19),
    "temple": (-0.16, -0.31, -0.13),
    "cheek": (-0.13, -0.22, -0.16),
    "chin": (-0.03, -0.15, -0.21),
    "neck": (-0.04, -0.04, -0.19),
    "shoulder": (-0.20, 0.03, -0.17),
    "across": (0.10, 0.05, -0.22),
    "chest": (-0.05, 0.13, -0.24),
    "belly": (-0.06, 0.29, -0.26),
    "front": (-0.18, 0.14, -0.36),
    "high": (-0.25, -0.12, -0.30),
    "side": (-0.36, 0.05, -0.22),
    "low": (-0.24, 0.30, -0.28),
}
# Direction of the fingers and normal of the palm of a right hand.
ORIENTATIONS: tuple[tuple[tuple, tuple], ...] = (
    ((0.0, -1.0, 0.0), (0.0, 0.0, -1.0)),
    ((0.0, -1.0, -0.1), (1.0, 0.0, 0.0)),
    ((0.1, -1.0, 0.0), (0.0, 0.0, 1.0)),
    ((0.3, 0.0, -1.0), (0.0, 1.0, 0.0)),
    ((0.8, -0.1, -0.6), (0.0, 1.0, 0.0)),
    ((1.0, -0.1, 0.0), (0.0, 0.0, 1.0)),
    ((0.3, -0.3, -1.0), (1.0, 0.0, 0.0)),
    ((0.4, 0.0, -1.0), (0.0, -1.0, 0.0)),
    ((0.7, -0.7, 0.0), (0.0, 0.0, 1.0)),
    ((0.6, -0.7, -0.3), (-0.6, -0.4, -0.7)),
    ((0.6, -0.6, -0.3), (0.4, 0.6, -0.7)),
)
MOVEMENTS = ("straight", "arc", "circle", "again", "shake", "twist", "open")
PALM = 0.09  # from the wrist to the middle of the palm
_AVERAGE_SHOULDER = np.array([-0.18, 0.0, 0.0])
_ZERO = np.zeros(3)


class HandSign(NamedTuple):
    """What the right hand does in a sign; the left hand mirrors it.

    Lengths in metres, angles in radians. By default the hand does not move.
    """

    start: np.ndarray  # [3] position of the palm
    end: np.ndarray  # [3] position of the palm
    shapes: np.ndarray  # [2, 5, 3] handshape at the start and the end
    frames: np.ndarray  # [2, 4] orientation at the start and the end, as quaternions
    bulge: np.ndarray = _ZERO  # displacement of the middle of the path
    first_axis: np.ndarray = _ZERO  # of a circular movement
    second_axis: np.ndarray = _ZERO
    cycles: float = 0.0  # circles, shakes or twists during the sign
    strokes: int = 1  # 1: to the end; 2: to the end, back and to the end again
    shake: np.ndarray = _ZERO  # amplitude of a small oscillation
    twist: float = 0.0  # amplitude of the rotation of the forearm


class Sign(NamedTuple):
    """A sign of one or two hands."""

    gloss: str
    dominant: HandSign
    other: HandSign | None  # None: the hand rests
    lag: float  # phase by which the other hand trails, 0.5 for alternating signs
    num_frames: float  # of the stroke, for a signer of average speed


def make_signs(num_classes: int, seed: int = 0) -> list[Sign]:
    """Make the first ``num_classes`` signs of a language; more classes do not change the first.

    Raises:
        UserError: If ``num_classes`` is below 2.
    """
    if num_classes < 2:
        raise UserError(f"num_classes must be at least 2, got {num_classes}")
    signs: list[Sign] = []
    for label in range(num_classes):
        rng = np.random.default_rng([seed, 1, label])
        signs.append(_minimal_pair(signs[-1], label, rng) if label % 2 else _new_sign(label, rng))
    return signs


def _new_sign(label: int, rng: np.random.Generator) -> Sign:
    location = rng.choice(list(LOCATIONS))
    movement = rng.choice(MOVEMENTS)
    shape = rng.choice(list(HANDSHAPES))
    hand = _move(_hold(shape, location, rng), movement, rng)
    kind = rng.choice(["one", "one", "mirror", "alternate", "base"])
    other, lag = None, 0.0
    if kind in ("mirror", "alternate"):
        hand = _keep_apart(hand)
        other, lag = hand, 0.5 if kind == "alternate" and hand.cycles else 0.0
    elif kind == "base":
        other = _hold(rng.choice(["flat", "fist", "five", "point"]), "front", rng)
        position = other.start + [0.06, 0.08, 0.05]
        other = other._replace(start=position, end=position)
    num_frames = rng.uniform(15, 24) * (1.5 if hand.strokes > 1 or hand.cycles else 1.0)
    return Sign(_gloss(label, location, movement, shape), hand, other, lag, num_frames)


def _minimal_pair(sign: Sign, label: int, rng: np.random.Generator) -> Sign:
    """Change one parameter of a sign, in both hands if they do the same."""
    _, location, movement, shape = sign.gloss.split("-")
    hand = sign.dominant
    parameter = rng.choice(["place", "movement", "shape", "orientation"])
    if parameter == "place":
        location = rng.choice([name for name in LOCATIONS if name != location])
        shift = _jittered_location(location, rng) - hand.start
        hand = hand._replace(start=hand.start + shift, end=hand.end + shift)
    elif parameter == "movement":
        movement = rng.choice([name for name in MOVEMENTS if name != movement])
        still = HandSign(hand.start, hand.start, hand.shapes[[0, 0]], hand.frames[[0, 0]])
        hand = _move(still, movement, rng)
    elif parameter == "shape":
        shape = rng.choice([name for name in HANDSHAPES if name != shape])
        hand = hand._replace(shapes=hand.shapes - hand.shapes[:1] + HANDSHAPES[shape])
    else:
        hand = hand._replace(frames=np.stack([_orientation(hand.start, rng, hand.frames[0])] * 2))
    symmetric = sign.other is sign.dominant
    hand = _keep_apart(hand) if symmetric else hand
    return sign._replace(
        gloss=_gloss(label, location, movement, shape),
        dominant=hand,
        other=hand if symmetric else sign.other,
        lag=sign.lag if hand.cycles else 0.0,
    )


def _gloss(label: int, location: str, movement: str, shape: str) -> str:
    return f"{label:02d}-{location}-{movement}-{shape}"


def _hold(shape: str, location: str, rng: np.random.Generator) -> HandSign:
    """Hold a handshape still at a location."""
    start = _jittered_location(location, rng)
    frame = _orientation(start, rng)
    return HandSign(start, start, np.stack([HANDSHAPES[shape]] * 2), np.stack([frame, frame]))


def _move(hand: HandSign, movement: str, rng: np.random.Generator) -> HandSign:
    """Add a movement to a still hand."""
    path = _direction(rng) * rng.uniform(0.12, 0.24)
    cycles = float(rng.integers(2, 4))
    if movement == "straight":
        return _turn_some(hand._replace(end=hand.start + path), rng)
    if movement == "arc":
        bulge = np.cross(path, _direction(rng)) / np.linalg.norm(path) * rng.uniform(0.08, 0.14)
        return _turn_some(hand._replace(end=hand.start + path, bulge=bulge), rng)
    if movement == "again":
        return hand._replace(end=hand.start + 0.7 * path, strokes=int(rng.integers(2, 4)))
    if movement == "circle":
        first = _direction(rng)
        second = np.cross(first, _direction(rng))
        second *= rng.choice([-1, 1]) / np.linalg.norm(second)
        size = rng.uniform(0.05, 0.09)
        first, second = first * size, second * size
        return hand._replace(first_axis=first, second_axis=second, cycles=cycles - 0.5)
    if movement == "shake":
        return hand._replace(shake=_direction(rng) * rng.uniform(0.025, 0.045), cycles=cycles + 1)
    if movement == "twist":
        return hand._replace(twist=rng.uniform(0.45, 0.75), cycles=cycles)
    last_shape = HANDSHAPES[rng.choice(["five", "fist", "ring", "claw", "flat", "bent"])]
    return hand._replace(end=hand.start + 0.4 * path, shapes=np.stack([hand.shapes[0], last_shape]))


def _turn_some(hand: HandSign, rng: np.random.Generator) -> HandSign:
    """Turn the hand along its path, in half of the signs."""
    if rng.random() < 0.5:
        return hand
    return hand._replace(frames=np.stack([hand.frames[0], _orientation(hand.end, rng)]))


def _keep_apart(hand: HandSign) -> HandSign:
    """Keep the right hand on its side, so that mirrored hands do not pass through each other."""
    radius = abs(hand.first_axis[0]) + abs(hand.second_axis[0])
    innermost = max(hand.start[0], hand.end[0], hand.start[0] + radius)
    shift = np.array([min(0.0, -0.10 - innermost), 0.0, 0.0])
    return hand._replace(start=hand.start + shift, end=hand.end + shift)


def _jittered_location(location: str, rng: np.random.Generator) -> np.ndarray:
    return np.array(LOCATIONS[location]) + rng.normal(0, 0.012, 3)


def _direction(rng: np.random.Generator) -> np.ndarray:
    """Draw a unit vector, mostly in the image plane, where a viewer sees the movement."""
    vector = rng.normal(size=3) * [1.0, 1.0, 0.6]
    return vector / np.linalg.norm(vector)


def _orientation(
    palm: np.ndarray, rng: np.random.Generator, unlike: np.ndarray | None = None
) -> np.ndarray:
    """Draw a quaternion [4] that bends the wrist of a palm at [3] by at most 65 degrees.

    It differs from the quaternion ``unlike``.
    """
    candidates = hand_frames(np.array(ORIENTATIONS, dtype=float))
    fingers = candidates.as_matrix()[:, :, 0]
    wrist = palm - PALM * fingers
    elbow, wrist = reach(np.broadcast_to(_AVERAGE_SHOULDER, wrist.shape), wrist, 0.28, 0.25)
    bend = np.arccos(np.clip(((wrist - elbow) / 0.25 * fingers).sum(-1), -1, 1))
    if unlike is not None:
        bend += 10.0 * ((candidates.inv() * Rotation.from_quat(unlike)).magnitude() < 0.6)
    possible = np.flatnonzero(bend < np.deg2rad(65))
    chosen = rng.choice(possible) if len(possible) else bend.argmin()
    jitter = Rotation.from_rotvec(rng.normal(0, 0.12, 3))
    return (jitter * candidates[int(chosen)]).as_quat()


def hand_frames(axes: np.ndarray) -> Rotation:
    """Compute the rotations from a right hand's own axes (see ``hand_joints``) to the world.

    Args:
        axes (np.ndarray): Direction of the fingers and approximate normal of the palm [..., 2, 3].

    Returns:
        Rotation: One rotation for each pair of axes.
    """
    fingers = axes[..., 0, :] / np.linalg.norm(axes[..., 0, :], axis=-1, keepdims=True)
    normal = axes[..., 1, :] - (axes[..., 1, :] * fingers).sum(-1, keepdims=True) * fingers
    normal = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
    # With the palm to the camera and the fingers up, a right thumb points to the image's right.
    return Rotation.from_matrix(np.stack([fingers, np.cross(fingers, normal), -normal], axis=-1))
