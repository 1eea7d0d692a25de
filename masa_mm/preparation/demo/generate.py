"""Demo datasets: the annotations and the pose store of each split."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from masa_mm.errors import UserError
from masa_mm.pose.crop import crop_parts
from masa_mm.pose.store_writer import PoseStoreWriter, WriteReport
from masa_mm.preparation.demo.detector import detect, make_camera
from masa_mm.preparation.demo.signer import make_signer, perform
from masa_mm.preparation.demo.signs import Sign, make_signs

SOURCE = "demo"
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class DemoConfig:
    """Size and seed of the demo data.

    Args:
        num_classes (int): Number of signs.
        signers (tuple[int, int, int]): Signers of train, val and test. No signer is in two splits.
        repetitions (tuple[int, int, int]): Clips of each sign by each signer, in each split.
        seed (int): Random seed.

    Raises:
        UserError: If a split has no signer or no repetition.
    """

    num_classes: int = 20
    signers: tuple[int, int, int] = (10, 3, 5)
    repetitions: tuple[int, int, int] = (3, 2, 2)
    seed: int = 0

    def __post_init__(self) -> None:
        if min(*self.signers, *self.repetitions) < 1:
            raise UserError(
                "every split needs a signer and a repetition, got "
                f"signers={self.signers}, repetitions={self.repetitions}"
            )


def glosses(config: DemoConfig) -> list[str]:
    """List the names of the classes in the order of their labels."""
    return [sign.gloss for sign in make_signs(config.num_classes, config.seed)]


def demo_annotations(split: str, config: DemoConfig | None = None) -> Iterator[dict]:
    """Generate the MMAction2 pose annotations of a split.

    A clip depends only on the seed, its sign, its signer and its repetition.

    Args:
        split (str): 'train', 'val' or 'test'.
        config (DemoConfig | None): Size and seed; None takes the defaults.

    Yields:
        dict: ``frame_dir``, ``total_frames``, ``img_shape`` (h, w), ``label``, ``keypoint`` float32
            [1, T, 49, 2] in pixels, ``keypoint_score`` float32 [1, T, 49] (0 = absent), ``signer``,
            ``gloss`` and ``layout`` 'sign49'.

    Raises:
        UserError: If there is no such split.
    """
    config = config or DemoConfig()
    if split not in SPLITS:
        raise UserError(f"demo data has the splits {', '.join(SPLITS)}, not '{split}'")
    index = SPLITS.index(split)
    first = sum(config.signers[:index])
    signers = range(first, first + config.signers[index])
    signs = make_signs(config.num_classes, config.seed)
    for signer, label, repetition in product(
        signers, range(len(signs)), range(config.repetitions[index])
    ):
        yield _annotation(signs[label], label, signer, repetition, config.seed)


def store_path(folder: str | os.PathLike, split: str) -> Path:
    """Give the path of a split's store below the folder of :func:`write_demo_stores`."""
    return Path(folder) / f"{SOURCE}_{split}.safetensors"


def write_demo_stores(
    folder: str | os.PathLike, config: DemoConfig | None = None
) -> dict[str, WriteReport]:
    """Write the pose store of each split. The same configuration gives the same bytes.

    Args:
        folder (str | os.PathLike): Receives ``demo_{train,val,test}.safetensors``; it is created
            if missing.
        config (DemoConfig | None): Size and seed; None takes the defaults.
    """
    config = config or DemoConfig()
    return {split: _write_store(folder, split, config) for split in SPLITS}


def _write_store(folder: str | os.PathLike, split: str, config: DemoConfig) -> WriteReport:
    path = store_path(folder, split)
    writer = PoseStoreWriter(path, source=SOURCE, split=split, glosses=glosses(config))
    for clip in demo_annotations(split, config):
        img_shape = clip["img_shape"]
        parts = crop_parts(clip["keypoint"][0], clip["keypoint_score"][0], img_shape)
        writer.add(clip["frame_dir"], *parts, clip["label"], clip["signer"], img_shape)
    return writer.close()


def _annotation(sign: Sign, label: int, signer: int, repetition: int, seed: int) -> dict:
    rng = np.random.default_rng([seed, 4, signer, label, repetition])
    camera = make_camera(signer, seed)
    joints = perform(sign, make_signer(signer, seed), rng)
    keypoint, score = detect(joints, camera, rng)
    return dict(
        frame_dir=f"signer{signer:02d}_sign{label:02d}_{repetition}",
        total_frames=len(keypoint),
        img_shape=(camera.height, camera.width),
        label=label,
        keypoint=keypoint[None],
        keypoint_score=score[None],
        signer=signer,
        gloss=sign.gloss,
        layout="sign49",
    )
