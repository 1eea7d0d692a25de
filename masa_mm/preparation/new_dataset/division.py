"""The parts of a new dataset, how they were chosen, and what that means for its scores."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from masa_mm.preparation.new_dataset.clips import LabelledClips, NewDatasetError
from masa_mm.preparation.new_dataset.split import PARTS, TRAIN, VAL, divide_clips, divide_signers

_SHOWN = 5  # names of signs in a line


class Division(NamedTuple):
    """The part of each clip, an index into :data:`PARTS` [clips], and how it was chosen."""

    part: np.ndarray
    reasons: list[str]


def divide(clips: LabelledClips, seed: int = 0) -> Division:
    """Divide clips as the user says if that makes two parts or more, else by signer or by clip.

    Args:
        clips (LabelledClips): The clips.
        seed (int): Seed of the draw.

    Raises:
        NewDatasetError: If a sign has no train clip, or nothing is left to test on.
    """
    if all(clips.split) and len(set(clips.split)) > 1:
        part = np.array([PARTS.index(split) for split in clips.split])
        division = Division(part, ["parts: as given"])
    else:
        division = _draw(clips, seed)
    in_train = set(clips.label[division.part == TRAIN].tolist())
    untrained = [gloss for label, gloss in enumerate(clips.glosses) if label not in in_train]
    if untrained:
        raise NewDatasetError(
            f"{len(untrained)} signs have no train clip, the first is '{untrained[0]}'; give them "
            "some, or remove them"
        )
    if (division.part == TRAIN).all():
        raise NewDatasetError("no clips are left to test on; record more takes of each sign")
    return division


def _draw(clips: LabelledClips, seed: int) -> Division:
    names, unknown = set(clips.signer), sum(not name for name in clips.signer)
    if unknown:
        reason = f"the signers of {unknown} of {len(clips.ids)} clips are not known"
    elif len(names) == 1:
        reason = "all clips are by one signer"
    else:
        part = divide_signers(clips.label, clips.signer, seed)
        if (part == VAL).any():
            reason = f"parts: by signer; none of the {len(names)} signers is in two parts"
            return Division(part, [reason])
        reason = "by signer, a sign would have no train clip"
    warning = (
        "  val and test show signers of train, perhaps in takes of one session: expect less "
        "accuracy on other persons"
    )
    return Division(divide_clips(clips.label, seed), [f"parts: by clip, since {reason}", warning])


def division_lines(clips: LabelledClips, division: Division) -> list[str]:
    """Say how the clips were divided, what each part has, and which signs it lacks."""
    lines = list(division.reasons)
    for number, part in enumerate(PARTS):
        chosen = np.flatnonzero(division.part == number)
        signers = {clips.signer[clip] for clip in chosen} - {""}
        signs = {clips.glosses[label] for label in clips.label[chosen]}
        persons = f", {len(signers)} signers" if signers else ""
        lines.append(f"  {part}: {len(chosen)} clips, {len(signs)} signs{persons}")
        lacking = sorted(set(clips.glosses) - signs)
        if signs and lacking:
            more = ", ..." if len(lacking) > _SHOWN else ""
            lines.append(f"    without {len(lacking)} signs: {', '.join(lacking[:_SHOWN])}{more}")
    return lines
