"""From joints that a source names to the 49."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from masa_mm.pose.skeleton import NAMED_LAYOUTS, SIGN49_JOINTS, describe_joints
from masa_mm.sources.base import ClipError


def places_of(naming: str, names: Collection[str], allow_missing: bool) -> np.ndarray:
    """Where each of the 49 joints is among a source's names [49]; -1 = missing.

    Args:
        naming: a name in :data:`masa_mm.pose.skeleton.NAMED_LAYOUTS`.
        names: what the source has, in its order. Case does not matter.
        allow_missing: mark missing joints by -1 instead of refusing.

    Raises:
        ClipError: joints are missing; names them.
    """
    place_of = {name.lower(): place for place, name in enumerate(names)}
    places = np.array([place_of.get(name.lower(), -1) for name in NAMED_LAYOUTS[naming].names])
    if (places < 0).any() and not allow_missing:
        missing = [joint for joint, place in zip(SIGN49_JOINTS, places) if place < 0]
        raise ClipError(
            f"it lacks {describe_joints(missing)} of the 49 joints",
            "give --allow-missing to mark them absent, or poses of a fuller estimator",
        )
    return places


def take(joints: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The 49 joints of [..., V, C]; 0 where they are missing."""
    return np.where((places >= 0)[:, None], joints[..., places, :], 0)
