"""Demo data sets: annotations of every split, and their pose stores."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from masa_mm.pose.crop import crop_parts
from masa_mm.pose.store_writer import PoseStoreWriter, WriteReport
from masa_mm.preparation.demo.detector import detect, make_camera
from masa_mm.preparation.demo.signer import make_signer, perform
from masa_mm.preparation.demo.signs import Sign, make_signs

SOURCE = "demo"


@dataclass(frozen=True)
class DemoConfig:
    """How much demo data; the splits share no signer.

    ``repetitions`` are clips a signer makes of each sign: (train, val, test); ``signers`` likewise.
    """

    num_classes: int = 20
    signers: tuple[int, int, int] = (10, 3, 5)
    repetitions: tuple[int, int, int] = (3, 2, 2)
    seed: int = 0

    def __post_init__(self) -> None:
        if min(*self.signers, *self.repetitions) < 1:
            raise ValueError(
                "every split needs a signer and a repetition, got "
                f"signers={self.signers}, repetitions={self.repetitions}"
            )


SPLITS = ("train", "val", "test")


def glosses(config: DemoConfig) -> list[str]:
    """Names of the classes; their index is the label."""
    return [sign.gloss for sign in make_signs(config.num_classes, config.seed)]


def demo_annotations(split: str, config: DemoConfig | None = None) -> Iterator[dict]:
    """MMAction2 pose annotations of a split, in pixels, clip by clip.

    Each is a dict of ``frame_dir``, ``total_frames``, ``img_shape`` (h, w), ``label``, ``keypoint``
    float32 [1, T, 49, 2] (pixels), ``keypoint_score`` float32 [1, T, 49] (0 = absent), ``signer``,
    ``gloss`` and ``layout`` 'sign49'. A clip depends only on the seed, its sign, its signer and its
    repetition.

    Raises:
        ValueError: the split is not one of train, val, test.
    """
    config = config or DemoConfig()
    if split not in SPLITS:
        raise ValueError(f"demo data has the splits {', '.join(SPLITS)}, not '{split}'")
    index = SPLITS.index(split)
    first = sum(config.signers[:index])
    signs = make_signs(config.num_classes, config.seed)
    for signer in range(first, first + config.signers[index]):
        for label in range(len(signs)):
            for repetition in range(config.repetitions[index]):
                yield _annotation(signs, label, signer, repetition, config.seed)


def store_path(folder: str | os.PathLike, split: str) -> Path:
    """Where :func:`write_demo_stores` puts a split."""
    return Path(folder) / f"{SOURCE}_{split}.safetensors"


def write_demo_stores(
    folder: str | os.PathLike, config: DemoConfig | None = None
) -> dict[str, WriteReport]:
    """Make the pose store of each split; one configuration, the same bytes.

    Args:
        folder: made if missing; gets ``demo_train.safetensors``, ``demo_val`` and ``demo_test``.
        config: how much data.

    Returns:
        split -> what was written.
    """
    config = config or DemoConfig()
    reports = {}
    for split in SPLITS:
        with PoseStoreWriter(
            store_path(folder, split), source=SOURCE, split=split, glosses=glosses(config)
        ) as writer:
            for clip in demo_annotations(split, config):
                parts = crop_parts(
                    clip["keypoint"][0], clip["keypoint_score"][0], clip["img_shape"]
                )
                writer.add(
                    clip["frame_dir"],
                    *parts,
                    label=clip["label"],
                    signer=clip["signer"],
                    img_shape=clip["img_shape"],
                )
        reports[split] = writer.report
    return reports


def _annotation(signs: Sequence[Sign], label: int, signer: int, repetition: int, seed: int) -> dict:
    rng = np.random.default_rng([seed, 4, signer, label, repetition])
    camera = make_camera(signer, seed)
    joints = perform(signs[label], make_signer(signer, seed), rng)
    keypoint, score = detect(joints, camera, rng)
    return dict(
        frame_dir=f"signer{signer:02d}_sign{label:02d}_{repetition}",
        total_frames=len(keypoint),
        img_shape=(camera.height, camera.width),
        label=label,
        keypoint=keypoint[None],
        keypoint_score=score[None],
        signer=signer,
        gloss=signs[label].gloss,
        layout="sign49",
    )
