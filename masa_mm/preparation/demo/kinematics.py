"""Kinematics of a right arm and a right hand, and the handshapes of the demo signs.

Axes of the whole package: x to the image's right, y down, z away from the camera; in metres. A left
arm or hand is the mirror image of a right one.
"""

from __future__ import annotations

import numpy as np

# A right elbow points outward and down. The direction is far from every direction from the shoulder
# to a place of signing: an arm along this direction would leave the elbow undetermined.
_ELBOW_POLE = np.array([-0.75, 0.5, 0.1])

# Joint angles in degrees. Rows are fingers: thumb, index, middle, ring, little.
# Columns: abduction (spread in the palm's plane), flexion of the knuckle and of the middle joint.
# Columns of the thumb: abduction, opposition (out of the palm's plane), flexion.
_EXTENDED, _CLOSED, _HOOKED = (5.0, 5.0), (80.0, 95.0), (15.0, 85.0)
_CURVED, _ROUND, _BENT = (32.0, 42.0), (48.0, 58.0), (75.0, 5.0)
_THUMB_OUT, _THUMB_ALONG, _THUMB_ACROSS = (58.0, 5.0, 0.0), (24.0, 12.0, 5.0), (22.0, 52.0, 45.0)
_THUMB_OPPOSED, _THUMB_ROUND = (48.0, 40.0, 8.0), (38.0, 58.0, 25.0)
_FAN = np.array([12.0, 2.0, -8.0, -19.0])
_CLOSE_FAN = np.array([3.0, 0.0, -3.0, -6.0])


def _shape(thumb: tuple, fingers: list[tuple], fan: np.ndarray = _CLOSE_FAN) -> np.ndarray:
    rows = np.column_stack([fan, np.array(fingers)])
    return np.deg2rad(np.vstack([thumb, rows]))


# Joint angles of each handshape, radians [5, 3].
HANDSHAPES: dict[str, np.ndarray] = {
    "flat": _shape(_THUMB_ALONG, [_EXTENDED] * 4),
    "five": _shape(_THUMB_OUT, [_EXTENDED] * 4, 1.3 * _FAN),
    "fist": _shape(_THUMB_ACROSS, [_CLOSED] * 4),
    "point": _shape(_THUMB_ACROSS, [_EXTENDED] + [_CLOSED] * 3),
    "vee": _shape(_THUMB_ACROSS, [_EXTENDED] * 2 + [_CLOSED] * 2, _FAN),
    "two": _shape(_THUMB_ACROSS, [_EXTENDED] * 2 + [_CLOSED] * 2),
    "three": _shape(_THUMB_OUT, [_EXTENDED] * 2 + [_CLOSED] * 2, _FAN),
    "ell": _shape(_THUMB_OUT, [_EXTENDED] + [_CLOSED] * 3),
    "horns": _shape(_THUMB_ACROSS, [_EXTENDED] + [_CLOSED] * 2 + [_EXTENDED], _FAN),
    "why": _shape(_THUMB_OUT, [_CLOSED] * 3 + [_EXTENDED], _FAN),
    "little": _shape(_THUMB_ACROSS, [_CLOSED] * 3 + [_EXTENDED]),
    "cee": _shape(_THUMB_OPPOSED, [_CURVED] * 4),
    "ring": _shape(_THUMB_ROUND, [_ROUND] * 4),
    "pinch": _shape(_THUMB_ROUND, [_ROUND] + [_EXTENDED] * 3, _FAN),
    "claw": _shape(_THUMB_OUT, [_HOOKED] * 4, _FAN),
    "hook": _shape(_THUMB_ACROSS, [_HOOKED] + [_CLOSED] * 3),
    "bent": _shape(_THUMB_ALONG, [_BENT] * 4),
}
RELAXED = _shape((32.0, 20.0, 12.0), [(22.0, 28.0), (26.0, 32.0), (30.0, 36.0), (34.0, 38.0)])

# One row per finger, for a hand of length 1: position of its base relative to the wrist (along the
# fingers, towards the thumb, out of the back of the hand), then the lengths of its three bones.
_FINGERS = np.array(
    [
        [0.16, 0.15, -0.04, 0.24, 0.18, 0.15],
        [0.50, 0.13, 0.0, 0.23, 0.14, 0.11],
        [0.51, 0.02, 0.015, 0.26, 0.16, 0.12],
        [0.48, -0.08, 0.01, 0.24, 0.15, 0.11],
        [0.43, -0.17, -0.01, 0.18, 0.11, 0.10],
    ]
)
_BASES, _BONES = _FINGERS[:, :3], _FINGERS[:, 3:]
# Weights of the joint angles in the direction of each of a finger's three bones.
_THUMB_BENDS = np.array([0.0, 0.6, 1.5])
_THUMB_OPPOSES = np.array([0.8, 1.0, 1.1])
_FINGER_BENDS = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 1.66]])


def reach(
    shoulder: np.ndarray, target: np.ndarray, upper_arm: float, forearm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the elbow and wrist of a right arm that reaches for a target (inverse kinematics).

    Both bones keep their lengths. A target out of reach moves smoothly into reach along its
    direction, so that the path of the wrist has no corner.

    Args:
        shoulder (np.ndarray): [T, 3].
        target (np.ndarray): Target positions of the wrist [T, 3].
        upper_arm (float): Length of the bone from the shoulder to the elbow.
        forearm (float): Length of the bone from the elbow to the wrist.

    Returns:
        tuple[np.ndarray, np.ndarray]: Elbow [T, 3] and wrist [T, 3].
    """
    offset = target - shoulder
    distance = np.linalg.norm(offset, axis=-1, keepdims=True)
    direction = offset / np.maximum(distance, 1e-6)
    distance = _soft_clip(distance, abs(upper_arm - forearm) + 0.06, 0.985 * (upper_arm + forearm))
    along = (upper_arm**2 - forearm**2 + distance**2) / (2 * distance)
    aside = np.sqrt(np.maximum(upper_arm**2 - along**2, 0.0))
    pole = _ELBOW_POLE - (direction @ _ELBOW_POLE)[..., None] * direction
    pole /= np.linalg.norm(pole, axis=-1, keepdims=True)
    elbow = shoulder + along * direction + aside * pole
    return elbow, shoulder + distance * direction


def _soft_clip(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Clip to [low, high] with a smooth transition of 4 cm at both ends."""
    bend = 0.04
    value = low + bend * np.logaddexp(0.0, (value - low) / bend)
    value = high - bend * np.logaddexp(0.0, (high - value) / bend)
    # The second transition can fall below `low` by a rounding error of the exponentials.
    return np.clip(value, low, high)


def hand_joints(angles: np.ndarray, bone_scale: np.ndarray | float = 1.0) -> np.ndarray:
    """Compute the joints of a right hand from its joint angles (forward kinematics).

    Args:
        angles (np.ndarray): [T, 5, 3] radians; rows and columns as in :data:`HANDSHAPES`.
        bone_scale (np.ndarray | float): Relative length of each finger's bones, [5, 1] or a number.

    Returns:
        np.ndarray: Joints [T, 21, 3] of a hand of length about 1, with the wrist at the origin.
            Axes: along the fingers, towards the thumb, out of the back of the hand.
    """
    abduction = np.repeat(angles[..., :1], 3, axis=-1)
    abduction[..., 0, :] -= angles[..., 0, 2:] * _THUMB_BENDS
    out_of_palm = angles[..., 1:] @ _FINGER_BENDS.T
    out_of_palm[..., 0, :] = angles[..., 0, 1:2] * _THUMB_OPPOSES
    in_palm = np.cos(out_of_palm)
    direction = np.stack(
        [in_palm * np.cos(abduction), in_palm * np.sin(abduction), -np.sin(out_of_palm)], axis=-1
    )
    bones = direction * (_BONES * bone_scale)[..., None]
    bases = np.broadcast_to(_BASES[:, None], (len(angles), 5, 1, 3))
    fingers = np.cumsum(np.concatenate([bases, bones], axis=2), axis=2)
    wrist = np.zeros((len(angles), 1, 3))
    return np.concatenate([wrist, fingers.reshape(len(angles), 20, 3)], axis=1)
