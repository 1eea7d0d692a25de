"""What a model says of a clip, and its JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from masa_mm.inference.clips import Recognition
from masa_mm.inference.inputs import InputClip
from masa_mm.inference.model_info import ModelInfo
from masa_mm.pose.clip_checks import BadClip


class GlossProbability(NamedTuple):
    """A gloss and its calibrated probability."""

    gloss: str
    probability: float


@dataclass(frozen=True)
class SignPrediction:
    """A recognised clip.

    Args:
        source (InputClip): The clip, with its warnings.
        glosses (tuple[GlossProbability, ...]): The most probable ones, the best first; none from an
            encoder without classes.
        known (bool, optional): Whether it shows a sign that the model knows. None from an encoder.
        embedding (np.ndarray): float32 [D].
        frames_used (int): Frames that the network saw.
    """

    source: InputClip
    glosses: tuple[GlossProbability, ...]
    known: bool | None
    embedding: np.ndarray
    frames_used: int

    @property
    def name(self) -> str:
        """The clip's name: its file, or its file and id."""
        return self.source.clip.name

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the prediction doubtful, a sentence each."""
        return self.source.warnings

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, numbers and texts; numbers have six digits."""
        return dict(
            clip=self.name,
            glosses=[
                dict(gloss=gloss, probability=_short(probability))
                for gloss, probability in self.glosses
            ],
            known=self.known,
            **(dict(true_gloss=self.source.gloss) if self.source.gloss else {}),
            num_frames=len(self.source.shows_hand),
            hand_frames=int(self.source.shows_hand.sum()),
            frames_used=self.frames_used,
            warnings=list(self.warnings),
            embedding=[_short(value) for value in self.embedding.tolist()],
        )


def make_prediction(
    source: InputClip, recognition: Recognition, info: ModelInfo, top: int
) -> SignPrediction:
    """Read a model's scores: the ``top`` best glosses, and whether the sign is known."""
    scores = recognition.scores
    known: bool | None = None
    glosses: tuple[GlossProbability, ...] = ()
    if scores is not None:
        probabilities = info.calibration.probabilities(scores)
        best = np.argsort(-probabilities, kind="stable")[:top]
        glosses = tuple(GlossProbability(info.classes[i], float(probabilities[i])) for i in best)
        known = bool(info.calibration.is_known(scores))
    frames = source.shows_hand.sum() if info.hand_frames_only else len(source.shows_hand)
    used = min(int(frames), info.clip_len or int(frames))
    return SignPrediction(source, glosses, known, recognition.embedding, used)


def as_dict(result: SignPrediction | BadClip) -> dict[str, Any]:
    """Return a prediction, or the error of a clip that has none, as JSON holds it."""
    if isinstance(result, BadClip):
        return dict(clip=result.id, error=f"{result.problem}; {result.remedy}")
    return result.to_dict()


def _short(number: float) -> float:
    return float(f"{number:.6g}")
