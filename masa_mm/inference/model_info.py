"""What a model says of itself: classes, joint layout, calibration and model card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from masa_mm.errors import UserError
from masa_mm.inference.calibration import Calibration
from masa_mm.pose.skeleton import SOURCE_LAYOUTS

# The key of the JSON text among an ONNX file's metadata.
METADATA_KEY = "masa_mm"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class ModelInfo:
    """A model's description, stored with it as JSON.

    Args:
        classes (Sequence[str]): Glosses in the order of the scores; empty for an encoder.
        layout (str): Joint layout of the landmarks that the model takes.
        clip_len (int): Frames that the network sees of a clip, 0 = all.
        hand_frames_only (bool): Whether it sees only frames with a hand.
        calibration (Calibration): How scores become probabilities, and what is no known sign.
        card (dict): The model card: data, coverage, metrics with intervals, terms. Any JSON.
    """

    classes: Sequence[str] = ()
    layout: str = "sign49"
    clip_len: int = 32
    hand_frames_only: bool = False
    calibration: Calibration = field(default_factory=Calibration)
    card: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the JSON text."""
        content = dict(asdict(self), classes=list(self.classes))
        return json.dumps(dict(version=FORMAT_VERSION, **content), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, where: str) -> ModelInfo:
        """Read the JSON text of a model.

        Args:
            text (str): The text.
            where (str): The model's file, which errors name.

        Raises:
            UserError: If the text is damaged, or of a newer version.
        """
        try:
            content = json.loads(text)
            version = content.pop("version")
            calibration = Calibration(**content.pop("calibration"))
            known = {each.name for each in fields(cls)}
            info = cls(calibration=calibration, **{k: v for k, v in content.items() if k in known})
            info.check()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UserError(
                f"{where}: its description cannot be read ({type(error).__name__}: {error}); "
                "export the model again"
            ) from None
        if version != FORMAT_VERSION:
            raise UserError(
                f"{where}: was exported in version {version} of the format, this release reads "
                f"version {FORMAT_VERSION}: update masa_mm"
            )
        return info

    def check(self) -> None:
        """Check the values of a file.

        Raises:
            ValueError: If one is of another type or out of range.
        """
        if not all(isinstance(name, str) for name in self.classes):
            raise ValueError("classes are not names")
        if self.layout not in SOURCE_LAYOUTS:
            raise ValueError(f"no joint layout {self.layout!r}")
        if not isinstance(self.card, dict):
            raise ValueError("the card is not a dict")
