"""A camera and a pose detector with realistic faults: from joints in space to pixels and scores."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from masa_mm.pose.skeleton import LEFT_HAND, RIGHT_HAND

_HANDS = np.stack([np.arange(part.start, part.start + 21) for part in (RIGHT_HAND, LEFT_HAND)])


class Camera(NamedTuple):
    """A fixed camera in front of one signer; pixels and metres."""

    height: int
    width: int
    focal: float
    distance: float
    center: np.ndarray  # [2] image of the middle between the shoulders
    noise: float  # of the detector, relative to the size of the hand in the image


def make_camera(number: int, seed: int = 0) -> Camera:
    """Make the camera in front of signer ``number``."""
    rng = np.random.default_rng([seed, 3, number])
    height, width = [(480, 640), (512, 512), (720, 1280), (576, 720)][rng.integers(4)]
    distance = rng.uniform(1.5, 2.6)
    # One metre at the signer covers 0.75 to 1.0 of the image's height.
    focal = rng.uniform(0.75, 1.0) * height * distance
    center = np.array([width, height]) * rng.uniform([0.42, 0.40], [0.58, 0.48])
    return Camera(height, width, focal, distance, center, rng.uniform(0.008, 0.02))


def project(joints: np.ndarray, camera: Camera) -> np.ndarray:
    """Project joints [T, V, 3] in metres to the image: [T, V, 2] in pixels."""
    depth = camera.distance + joints[..., 2:]
    return camera.center + camera.focal * joints[..., :2] / depth


def detect(
    joints: np.ndarray, camera: Camera, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate a pose detector on a clip of joints [T, 49, 3] in metres.

    Joints drift and jitter, more when they move fast, and a few jump. A hand is lost for some
    frames when it moves fast or covers the other hand. Joints outside the image are lost.

    Returns:
        tuple[np.ndarray, np.ndarray]: ``keypoint`` float32 [T, 49, 2] in pixels and
            ``keypoint_score`` float32 [T, 49] in [0, 1]; both are 0 where a joint is absent.
    """
    exact = project(joints, camera)
    unit = 0.18 * camera.focal / camera.distance
    speed = np.linalg.norm(np.diff(exact, axis=0, append=exact[-1:]), axis=-1) / unit
    blur = np.clip(speed / 0.5, 0, 2)
    noisy = exact + unit * camera.noise * (1 + 1.2 * blur[..., None]) * _jitter(exact.shape, rng)
    jumps = rng.random(exact.shape[:2]) < 0.002
    noisy += unit * jumps[..., None] * rng.normal(0, 0.35, exact.shape)
    score = np.clip(rng.beta(14, 1.6, exact.shape[:2]) - 0.22 * blur - 0.5 * jumps, 0.05, 1.0)
    lost = _lost_hands(exact, blur, unit, rng)
    score[:, _HANDS] *= ~lost[:, :, None]
    outside = (noisy < 0) | (noisy >= [camera.width, camera.height])
    score[outside.any(-1)] = 0.0
    # Detectors report a whole hand or none: a hand half outside the image is absent.
    score[:, _HANDS] *= (score[:, _HANDS] > 0).mean(-1, keepdims=True) > 0.5
    noisy[score == 0] = 0.0
    return noisy.astype(np.float32), score.astype(np.float32)


def _jitter(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Noise of unit variance: half drifts slowly (five-frame average), half is new each frame."""
    num_frames, *rest = shape
    steps = np.cumsum(rng.normal(size=(num_frames + 5, *rest)), axis=0)
    drift = (steps[5:] - steps[:-5]) / np.sqrt(5)
    return np.sqrt(0.5) * (drift + rng.normal(size=shape))


def _lost_hands(
    exact: np.ndarray, blur: np.ndarray, unit: float, rng: np.random.Generator
) -> np.ndarray:
    """Whether the right and the left hand are lost [T, 2], for about three frames at a time."""
    num_frames = len(exact)
    centers = exact[:, _HANDS].mean(2)
    overlap = np.linalg.norm(centers[:, 0] - centers[:, 1], axis=-1) < 0.5 * unit
    probability = 0.008 + 0.05 * blur[:, _HANDS].mean(-1) ** 2
    # Of two overlapping hands, detectors tend to lose the left one.
    probability[:, 1] += 0.12 * overlap
    begins = rng.random((num_frames, 2)) < probability
    lengths = rng.geometric(1 / 3, (num_frames, 2))
    age = np.arange(num_frames)[:, None] - np.arange(num_frames)
    within = (age[..., None] >= 0) & (age[..., None] < lengths)
    return (within & begins).any(1)
