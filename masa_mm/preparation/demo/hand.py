"""An articulated hand: joint angles in, 21 joints out."""

from __future__ import annotations

import numpy as np

# Finger rows everywhere in this package: thumb, index, middle, ring, little.
# Angle columns: abduction (spread in the palm's plane), flexion at the knuckle and at the middle
# joint.
# The thumb reads them as abduction, opposition (out of the palm's plane) and flexion.
_EXTENDED, _CLOSED, _HOOKED = (5.0, 5.0), (80.0, 95.0), (15.0, 85.0)
_CURVED, _ROUND, _BENT = (32.0, 42.0), (48.0, 58.0), (75.0, 5.0)
_THUMB_OUT, _THUMB_ALONG, _THUMB_ACROSS = (58.0, 5.0, 0.0), (24.0, 12.0, 5.0), (22.0, 52.0, 45.0)
_THUMB_OPPOSED, _THUMB_ROUND = (48.0, 40.0, 8.0), (38.0, 58.0, 25.0)
_FAN = np.array([12.0, 2.0, -8.0, -19.0])
_CLOSE_FAN = np.array([3.0, 0.0, -3.0, -6.0])


def _shape(thumb: tuple, fingers: list[tuple], fan: np.ndarray = _CLOSE_FAN) -> np.ndarray:
    rows = np.column_stack([fan, np.array(fingers)])
    return np.deg2rad(np.vstack([thumb, rows]))


# Handshapes by name, radians [5, 3].
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

# Where each finger starts, from the wrist, and its three bones' lengths, for a hand of length 1.
# Columns: along the fingers, towards the thumb, out of the hand's back.
_BASES = np.array(
    [
        [0.16, 0.15, -0.04],
        [0.50, 0.13, 0.0],
        [0.51, 0.02, 0.015],
        [0.48, -0.08, 0.01],
        [0.43, -0.17, -0.01],
    ]
)
_BONES = np.array(
    [
        [0.24, 0.18, 0.15],
        [0.23, 0.14, 0.11],
        [0.26, 0.16, 0.12],
        [0.24, 0.15, 0.11],
        [0.18, 0.11, 0.10],
    ]
)
_THUMB_BENDS = np.array([0.0, 0.6, 1.5])
_THUMB_OPPOSES = np.array([0.8, 1.0, 1.1])
_FINGER_BENDS = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 1.66]])


def hand_joints(angles: np.ndarray, bone_scale: np.ndarray | float = 1.0) -> np.ndarray:
    """Joints of a hand of length about 1 in its own frame, wrist at the origin.

    Args:
        angles: [T, 5, 3] radians; rows and columns as in :data:`HANDSHAPES`.
        bone_scale: [5, 1] or a number, relative length of each finger's bones.

    Returns:
        [T, 21, 3]; axes: along the fingers, towards the thumb, out of the hand's back (a
        right-handed frame for a right hand).
    """
    abduction = np.repeat(angles[..., :1], 3, axis=-1)
    abduction[..., 0, :] -= angles[..., 0, 2:] * _THUMB_BENDS
    out_of_palm = angles[..., 1:] @ _FINGER_BENDS.T
    out_of_palm[..., 0, :] = angles[..., 0, 1:2] * _THUMB_OPPOSES
    direction = np.stack(
        [
            np.cos(out_of_palm) * np.cos(abduction),
            np.cos(out_of_palm) * np.sin(abduction),
            -np.sin(out_of_palm),
        ],
        axis=-1,
    )
    bones = direction * (_BONES * bone_scale)[..., None]
    bases = np.broadcast_to(_BASES[:, None], (len(angles), 5, 1, 3))
    fingers = np.cumsum(np.concatenate([bases, bones], axis=2), axis=2)
    wrist = np.zeros((len(angles), 1, 3))
    return np.concatenate([wrist, fingers.reshape(len(angles), 20, 3)], axis=1)
