"""The signs of the demo language: location, movement, handshape and orientation, drawn from a seed.

The four are the parameters by which sign phonology tells signs apart. Every second sign repeats
the one before it in all but one of them (a minimal pair), so that a recogniser cannot get by on
where the hands are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from masa_mm.preparation.demo.arm import reach
from masa_mm.preparation.demo.hand import HANDSHAPES

# Places of the right hand's palm, from the middle between the shoulders, for an average signer.
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
# Fingers' direction and palm's normal of a right hand.
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
_AVERAGE_SHOULDER = np.array([-0.18, 0.0, 0.0])
PALM = 0.09  # metres from the wrist to the middle of the palm


@dataclass(frozen=True)
class HandSign:
    """What one hand does, for the right hand; the left hand's is its mirror image.

    Lengths in metres, angles in radians; ``start`` and ``end`` are palm positions.
    """

    start: np.ndarray  # [3]
    end: np.ndarray  # [3]
    bulge: np.ndarray  # [3] how far the middle of the way is bent aside
    circle: np.ndarray  # [2, 3] the two axes of a circling movement
    cycles: float  # circles, shakes or twists during the sign
    strokes: int  # 1: there; 2: there, back and there again
    shake: np.ndarray  # [3] amplitude of a small oscillation
    twist: float  # amplitude of the forearm's rotation about the hand's axis
    shapes: np.ndarray  # [2, 5, 3] handshape at the start and the end
    frames: np.ndarray  # [2, 4] orientation at the start and the end, as quaternions


@dataclass(frozen=True)
class Sign:
    """A sign: what the dominant hand does, what the other does (None: rests), how long it takes."""

    gloss: str
    dominant: HandSign
    other: HandSign | None
    lag: float  # phase by which the other hand trails, 0.5 for alternating signs
    num_frames: float  # of the stroke, for a signer of average speed


def make_signs(num_classes: int, seed: int = 0) -> list[Sign]:
    """The first ``num_classes`` signs of a seed's language; more classes leave the first alone.

    Raises:
        ValueError: fewer than two classes.
    """
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, got {num_classes}")
    signs: list[Sign] = []
    for label in range(num_classes):
        rng = np.random.default_rng([seed, 1, label])
        signs.append(_minimal_pair(signs[-1], label, rng) if label % 2 else _new_sign(label, rng))
    return signs


def _new_sign(label: int, rng: np.random.Generator) -> Sign:
    place = rng.choice(list(LOCATIONS))
    movement = rng.choice(MOVEMENTS)
    shape = rng.choice(list(HANDSHAPES))
    hand = _move(_place(shape, place, rng), movement, rng)
    manner = rng.choice(["one", "one", "mirror", "alternate", "base"])
    other, lag = None, 0.0
    if manner in ("mirror", "alternate"):
        hand = _keep_apart(hand)
        other, lag = hand, 0.5 if manner == "alternate" and hand.cycles else 0.0
    elif manner == "base":
        other = _place(rng.choice(["flat", "fist", "five", "point"]), "front", rng)
        other = replace(
            other, start=other.start + [0.06, 0.08, 0.05], end=other.start + [0.06, 0.08, 0.05]
        )
    duration = rng.uniform(15, 24) * (1.5 if hand.strokes > 1 or hand.cycles else 1.0)
    return Sign(f"{label:02d}-{place}-{movement}-{shape}", hand, other, lag, duration)


def _minimal_pair(sign: Sign, label: int, rng: np.random.Generator) -> Sign:
    """The sign again with one parameter changed, in both hands if both take part alike."""
    _, place, movement, shape = sign.gloss.split("-")
    hand = sign.dominant
    changed = rng.choice(["place", "movement", "shape", "orientation"])
    if changed == "place":
        place = rng.choice([name for name in LOCATIONS if name != place])
        moved = _jittered_place(place, rng) - hand.start
        hand = replace(hand, start=hand.start + moved, end=hand.end + moved)
    elif changed == "movement":
        movement = rng.choice([name for name in MOVEMENTS if name != movement])
        still = replace(_still(hand), shapes=hand.shapes[[0, 0]], frames=hand.frames[[0, 0]])
        hand = _move(still, movement, rng)
    elif changed == "shape":
        shape = rng.choice([name for name in HANDSHAPES if name != shape])
        hand = replace(hand, shapes=hand.shapes - hand.shapes[:1] + HANDSHAPES[shape])
    else:
        hand = replace(hand, frames=np.stack([_orientation(hand.start, rng, hand.frames[0])] * 2))
    both_alike = sign.other is sign.dominant
    hand = _keep_apart(hand) if both_alike else hand
    return replace(
        sign,
        gloss=f"{label:02d}-{place}-{movement}-{shape}",
        dominant=hand,
        other=hand if both_alike else sign.other,
        lag=sign.lag if hand.cycles else 0.0,
    )


def _place(shape: str, place: str, rng: np.random.Generator) -> HandSign:
    """A hand held still in a place."""
    start = _jittered_place(place, rng)
    zero = np.zeros(3)
    frame = _orientation(start, rng)
    return HandSign(
        start=start,
        end=start,
        bulge=zero,
        circle=np.zeros((2, 3)),
        cycles=0.0,
        strokes=1,
        shake=zero,
        twist=0.0,
        shapes=np.stack([HANDSHAPES[shape]] * 2),
        frames=np.stack([frame, frame]),
    )


def _still(hand: HandSign) -> HandSign:
    zero = np.zeros(3)
    return replace(
        hand,
        end=hand.start,
        bulge=zero,
        circle=np.zeros((2, 3)),
        cycles=0.0,
        strokes=1,
        shake=zero,
        twist=0.0,
    )


def _move(hand: HandSign, movement: str, rng: np.random.Generator) -> HandSign:
    """Give a still hand its movement."""
    way = _direction(rng) * rng.uniform(0.12, 0.24)
    cycles = float(rng.integers(2, 4))
    if movement == "straight":
        return _turned(replace(hand, end=hand.start + way), rng)
    if movement == "arc":
        bulge = np.cross(way, _direction(rng)) / np.linalg.norm(way) * rng.uniform(0.08, 0.14)
        return _turned(replace(hand, end=hand.start + way, bulge=bulge), rng)
    if movement == "again":
        return replace(hand, end=hand.start + 0.7 * way, strokes=int(rng.integers(2, 4)))
    if movement == "circle":
        first = _direction(rng)
        second = np.cross(first, _direction(rng))
        second *= rng.choice([-1, 1]) / np.linalg.norm(second)
        return replace(
            hand, circle=np.stack([first, second]) * rng.uniform(0.05, 0.09), cycles=cycles - 0.5
        )
    if movement == "shake":
        return replace(hand, shake=_direction(rng) * rng.uniform(0.025, 0.045), cycles=cycles + 1)
    if movement == "twist":
        return replace(hand, twist=rng.uniform(0.45, 0.75), cycles=cycles)
    other = HANDSHAPES[rng.choice(["five", "fist", "ring", "claw", "flat", "bent"])]
    return replace(hand, end=hand.start + 0.4 * way, shapes=np.stack([hand.shapes[0], other]))


def _turned(hand: HandSign, rng: np.random.Generator) -> HandSign:
    """Half of the signs that travel also turn the hand on the way."""
    if rng.random() < 0.5:
        return hand
    return replace(hand, frames=np.stack([hand.frames[0], _orientation(hand.end, rng)]))


def _keep_apart(hand: HandSign) -> HandSign:
    """Mirrored hands must not pass through each other: keep the right one on its side."""
    inmost = max(hand.start[0], hand.end[0], hand.start[0] + np.abs(hand.circle).sum(0)[0])
    shift = np.array([min(0.0, -0.10 - inmost), 0.0, 0.0])
    return replace(hand, start=hand.start + shift, end=hand.end + shift)


def _jittered_place(place: str, rng: np.random.Generator) -> np.ndarray:
    return np.array(LOCATIONS[place]) + rng.normal(0, 0.012, 3)


def _direction(rng: np.random.Generator) -> np.ndarray:
    """A unit vector, mostly in the image plane: signs are made to be seen."""
    vector = rng.normal(size=3) * [1.0, 1.0, 0.6]
    return vector / np.linalg.norm(vector)


def _orientation(
    palm: np.ndarray, rng: np.random.Generator, unlike: np.ndarray | None = None
) -> np.ndarray:
    """A quaternion that an arm can give the hand there, the wrist bending by 65 degrees at most."""
    candidates = hand_frames(np.array(ORIENTATIONS, dtype=float))
    fingers = candidates.as_matrix()[:, :, 0]
    wrist = palm - PALM * fingers
    elbow, wrist = reach(np.broadcast_to(_AVERAGE_SHOULDER, wrist.shape), wrist, 0.28, 0.25)
    bend = np.arccos(np.clip(((wrist - elbow) / 0.25 * fingers).sum(-1), -1, 1))
    if unlike is not None:
        bend += 10.0 * ((candidates.inv() * Rotation.from_quat(unlike)).magnitude() < 0.6)
    possible = np.flatnonzero(bend < np.deg2rad(65))
    chosen = rng.choice(possible) if len(possible) else bend.argmin()
    wobble = Rotation.from_rotvec(rng.normal(0, 0.12, 3))
    return (wobble * candidates[int(chosen)]).as_quat()


def hand_frames(axes: np.ndarray) -> Rotation:
    """Rotations that carry a right hand's own axes (fingers, thumb side, back) into the world.

    Args:
        axes: [..., 2, 3] the fingers' direction and, roughly, the palm's normal.
    """
    fingers = axes[..., 0, :] / np.linalg.norm(axes[..., 0, :], axis=-1, keepdims=True)
    normal = axes[..., 1, :] - (axes[..., 1, :] * fingers).sum(-1, keepdims=True) * fingers
    normal = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
    # Palm to the camera and fingers up, a right hand's thumb points to the image's right.
    return Rotation.from_matrix(np.stack([fingers, np.cross(fingers, normal), -normal], axis=-1))
