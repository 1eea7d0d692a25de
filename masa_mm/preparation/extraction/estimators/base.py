"""What every pose estimator gives: of each frame the persons in it, in a named joint layout."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from mmengine.registry import Registry

from masa_mm.errors import UserError
from masa_mm.pose.skeleton import source_layout
from masa_mm.sources.signer_selection import signer_clip

ESTIMATORS = Registry("pose estimator")


class EstimatorError(UserError):
    """An estimator that cannot be had or cannot be used so; one line with the remedy."""


class Persons(NamedTuple):
    """The persons in one image: keypoint [N, V, 2] in its pixels, score [N, V], 0 = absent."""

    keypoint: np.ndarray
    score: np.ndarray


class PoseEstimator(ABC):
    """A pose estimator behind one small interface.

    A subclass names its joints and finds the persons of an image; of several the signer is taken,
    see :mod:`masa_mm.sources.signer_selection`. Register it with ``@ESTIMATORS.register_module()``
    and the tool knows it by its name.

    Attributes:
        layout: a name in :data:`masa_mm.pose.skeleton.SOURCE_LAYOUTS`.
        on_gpu: whether it can be asked for a GPU.
    """

    layout: str
    on_gpu: bool = False

    @abstractmethod
    def persons(self, frame: np.ndarray) -> Persons:
        """All persons in an image.

        Args:
            frame: uint8 [H, W, 3], blue, green, red.
        """

    def begin_clip(self) -> None:  # noqa: B027 - most have nothing to forget
        """Forget the clip before: what is found in a clip must not depend on it."""

    def estimate(self, frames: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The signer in every frame of a clip.

        Args:
            frames: images as of :meth:`persons`.

        Returns:
            float32 ``keypoint`` [T, V, 2] in the images' pixels and ``score`` [T, V]; 0 = absent.

        Raises:
            ClipError: there is nobody in any frame.
            EstimatorError: the estimator's joints are not its layout's.
        """
        self.begin_clip()
        found = [self._checked(self.persons(frame)) for frame in frames]
        return signer_clip(
            np.concatenate([persons.keypoint for persons in found]),
            np.concatenate([persons.score for persons in found]),
            np.array([len(persons.score) for persons in found]),
        )

    def _checked(self, persons: Persons) -> Persons:
        joints = source_layout(self.layout).num_joints
        keypoint = np.asarray(persons.keypoint, np.float32)
        score = np.asarray(persons.score, np.float32)
        if keypoint.shape != (len(keypoint), joints, 2) or score.shape != keypoint.shape[:2]:
            raise EstimatorError(
                f"{type(self).__name__} gave keypoint {list(keypoint.shape)} and score "
                f"{list(score.shape)}; its layout '{self.layout}' has {joints} joints: "
                "give a model of that layout"
            )
        # What an estimator is surer of than sure is sure; below 0 it saw nothing.
        return Persons(keypoint, np.clip(score, 0, 1))


def nobody(layout: str) -> Persons:
    """An image without a person."""
    joints = source_layout(layout).num_joints
    return Persons(np.zeros((0, joints, 2), np.float32), np.zeros((0, joints), np.float32))


def need(module: str, estimator: str, packages: str) -> ModuleType:
    """Import an estimator's package, when it is used and not before.

    Raises:
        EstimatorError: it is not installed; tells the command.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name.split(".")[0]
        raise EstimatorError(
            f"the estimator '{estimator}' needs {missing}, which is not installed: "
            f"pip install {packages}"
        ) from None


def build(name: str, device: str, options: dict[str, Any]) -> PoseEstimator:
    """An estimator by its name.

    Args:
        name: in :data:`ESTIMATORS`.
        device: 'cpu', 'cuda' or 'cuda:N'.
        options: its own arguments.

    Raises:
        EstimatorError: it is not installed, has no such options, or does not start.
    """
    kind = ESTIMATORS.get(name)
    try:
        return kind(device=device, **options)
    except UserError:
        raise
    # Whatever its package raises: no such option, weights that cannot be loaded, no such device.
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise EstimatorError(
            f"the estimator '{name}' does not start ({type(error).__name__}: {reason}); "
            "see docs/data/extraction.md"
        ) from error
