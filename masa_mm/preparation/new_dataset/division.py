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
        NewDatasetError: If there are fewer than two signs, a sign has no train clip, or nothing is
            left to test on.
    """
    if len(clips.glosses) < 2:
        names = ", ".join(map(repr, clips.glosses)) or "none"
        raise NewDatasetError(f"two signs or more are needed, the clips have {names}; add others")
    if all(clips.split) and len(set(clips.split)) > 1:
        part = np.array([PARTS.index(split) for split in clips.split])
        division = Division(part, ["parts: as given"])
    else:
        division = _draw(clips, seed)
    in_train = set(clips.label[division.part == TRAIN].tolist())
    untrained = [gloss for label, gloss in enumerate(clips.glosses) if label not in in_train]
    if untrained:
        raise NewDatasetError(
            f"no train clip of {_count(len(untrained), 'sign')}, the first is '{untrained[0]}'; "
            "give each sign some, or remove its clips"
        )
    if (division.part == TRAIN).all():
        raise NewDatasetError("no clips are left to test on; record more takes of each sign")
    return division


def _draw(clips: LabelledClips, seed: int) -> Division:
    names, unknown = set(clips.signer), sum(not name for name in clips.signer)
    if unknown:
        reason = (
            f"the signers of {unknown} of {len(clips.ids)} clips are not known (a column 'signer' "
            "of a CSV file names them, or --signer)"
        )
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
        signs = {clips.glosses[label] for label in clips.label[chosen]}
        numbers = f"{_count(len(chosen), 'clip')}, {_count(len(signs), 'sign')}"
        lines.append(f"  {part}: {numbers}{_persons(clips, division.part, number)}")
        lacking = sorted(set(clips.glosses) - signs)
        if signs and lacking:
            more = ", ..." if len(lacking) > _SHOWN else ""
            names = ", ".join(lacking[:_SHOWN]) + more
            lines.append(f"    without {_count(len(lacking), 'sign')}: {names}")
    return lines


def _persons(clips: LabelledClips, part: np.ndarray, number: int) -> str:
    """Return how many signers a part has, and how many of its clips are by signers of train."""
    signer = np.array(clips.signer)
    signers = set(signer[part == number]) - {""}
    if not signers:
        return ""
    shared = int(np.isin(signer[part == number], list(set(signer[part == TRAIN]) - {""})).sum())
    seen = f" ({_count(shared, 'clip')} by signers of train)" if number != TRAIN and shared else ""
    return f", {_count(len(signers), 'signer')}{seen}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else f'{noun}s'}"
