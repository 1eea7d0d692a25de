"""Image sizes of clips: as the file, the list or the user gives them, else guessed from the joints.

The size scales the body, which is stored in image coordinates, and bounds the boxes of hands near
the border. Without it the joints' own extent stands for the image: the signer is taken to be in the
middle of its width, the lowest joint to lie on its lower border. Joints that are divided by the
image's size do not tell its shape; it is taken for square. docs/data/converters.md has the errors.
"""

from __future__ import annotations

import numpy as np

from masa_mm.sources.base import ClipError

Size = tuple[int, int]
# Joints in pixels reach farther than this, normalised ones do not.
_MIN_REACH = 16.0
# What a guess means, by units; docs/data/converters.md has the measurement.
_CONSEQUENCES = dict(
    pixels="the extent of its joints stands for it: bodies are off by about 5 to 10 % of the image",
    normalized="their images count as square: hands in other images are distorted",
)
_REMEDY = "give --img-size WIDTH HEIGHT, or columns width and height in --labels, if you know it"


class ImageSizes:
    """Choose the image size of each clip and count the guesses.

    Args:
        default (tuple[int, int] | None): (h, w) in pixels, where neither file nor list tells.

    Attributes:
        guessed (dict[str, int]): Number of clips with a guessed size, by units.
    """

    def __init__(self, default: Size | None) -> None:
        self.default = default
        self.guessed = dict(pixels=0, normalized=0)

    def choose(self, known: Size | None, joints: np.ndarray, normalized: bool) -> tuple[Size, bool]:
        """Return (h, w) of a clip and whether it is a guess.

        Args:
            known (tuple[int, int] | None): What the file or the list tells.
            joints (np.ndarray): Coordinates (x, y) of the visible joints of all frames [N, 2].
            normalized (bool): Whether they are divided by the image's size.

        Raises:
            ClipError: If the size must be guessed, but joints taken for pixels are normalised.
        """
        given = known or self.default
        if given is not None:
            return given, False
        size = (1, 1) if normalized else guess_size(joints)
        self.guessed["normalized" if normalized else "pixels"] += 1
        return size, True

    def notes(self) -> list[str]:
        """Return a sentence for each kind of guess that was made."""
        return [
            f"the image size of {count} clips is not known, so {_CONSEQUENCES[units]}; {_REMEDY}"
            for units, count in self.guessed.items()
            if count
        ]


def guess_size(joints: np.ndarray) -> Size:
    """Guess the image's (h, w) from the coordinates of joints in pixels [N, 2].

    Raises:
        ClipError: If the joints reach less than 16 pixels.
    """
    joints = joints[np.isfinite(joints).all(axis=1)]
    if not len(joints):
        return 1, 1  # nothing to scale
    low, high = joints.min(axis=0), joints.max(axis=0)
    if high.max() < _MIN_REACH:
        raise ClipError(
            f"its joints reach {high.max():.3g}, so they are not in pixels",
            "give pixels, or --units normalized where the source has this option",
        )
    width = max(high[0], low[0] + high[0])
    return max(1, round(float(high[1]))), max(1, round(float(width)))
