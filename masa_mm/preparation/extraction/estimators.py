"""The interface of pose estimators: the persons in each frame, in a named layout of joints."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from mmengine.registry import Registry

from masa_mm.errors import UserError, in_one_line
from masa_mm.pose.skeleton import source_layout
from masa_mm.sources.signer_selection import signer_clip

ESTIMATORS = Registry("pose estimator")


class EstimatorError(UserError):
    """An estimator cannot be installed, started or used with these options."""


class Persons(NamedTuple):
    """The persons in one image: keypoint [N, V, 2] in pixels and score [N, V], 0 = absent."""

    keypoint: np.ndarray
    score: np.ndarray


class PoseEstimator(ABC):
    """A pose estimator.

    A subclass names its joints in :attr:`layout` and implements :meth:`persons`. Register it with
    ``@ESTIMATORS.register_module(name=...)``; ``--estimator`` of the command line takes that name.

    Attributes:
        layout (str): A name in :data:`masa_mm.pose.skeleton.SOURCE_LAYOUTS`.
        on_gpu (bool): Whether it can use a GPU.
    """

    layout: str
    on_gpu: bool = False

    @abstractmethod
    def persons(self, frame: np.ndarray) -> Persons:
        """Find all persons in an image, uint8 [H, W, 3] in the order blue, green, red."""

    def begin_clip(self) -> None:  # noqa: B027 - most estimators keep no state
        """Forget the previous clip. An estimator that tracks persons resets its state here."""

    def close(self) -> None:  # noqa: B027 - most estimators hold nothing
        """End what the estimator started, such as processes. It is not used afterwards."""

    def estimate(self, frames: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Estimate the signer's poses in a clip.

        Args:
            frames (Iterable[np.ndarray]): Images as :meth:`persons` takes them.

        Returns:
            tuple[np.ndarray, np.ndarray]: float32 ``keypoint`` [T, V, 2] in pixels and ``score``
                [T, V] in [0, 1], 0 = absent; of several persons those of the signer
                (:mod:`masa_mm.sources.signer_selection`).

        Raises:
            ClipError: If no frame shows a person.
            EstimatorError: If the number of joints is not that of the layout.
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
        # Some networks give scores outside [0, 1].
        return Persons(keypoint, np.clip(score, 0, 1))


def nobody(layout: str) -> Persons:
    """Return the result for an image without a person."""
    joints = source_layout(layout).num_joints
    return Persons(np.zeros((0, joints, 2), np.float32), np.zeros((0, joints), np.float32))


def require(module: str, estimator: str, packages: str) -> ModuleType:
    """Import a module that only this estimator needs, or name the packages to install."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).split(".")[0]
        raise EstimatorError(
            f"the estimator '{estimator}' needs {missing}, which is not installed: "
            f"pip install {packages}"
        ) from None


def build(name: str, device: str, options: dict[str, Any]) -> PoseEstimator:
    """Build the estimator of a name in :data:`ESTIMATORS`; ``options`` are its other arguments.

    Raises:
        EstimatorError: If it is not installed, does not take the options, or does not start.
    """
    try:
        return ESTIMATORS.get(name)(device=device, **options)
    except UserError:
        raise
    # A package may raise anything: for an unknown option, weights it cannot load, a missing device.
    except Exception as error:
        raise EstimatorError(
            f"the estimator '{name}' does not start ({in_one_line(error, 300)}); "
            "see docs/data/extraction.md"
        ) from error
