"""A small untrained recogniser with a config, a checkpoint and validation clips of three signs."""

from typing import NamedTuple

import numpy as np
import torch

from masa_mm.pose.store_writer import write_store

from toys.sign_models import ENCODER, PIPELINE, recogniser

CLASSES = ("a", "b", "c")
NUM_CLIPS = 12


class ToyTraining(NamedTuple):
    """Paths of a config and of its checkpoint."""

    config: str
    checkpoint: str


def write_training(folder, classes=CLASSES, labelled=True):
    """Write a training's files; ``classes`` are those of the checkpoint."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 20, NUM_CLIPS)
    write_store(
        folder / "val.safetensors",
        rng.uniform(0, 1, (lengths.sum(), 49, 2)).astype(np.float32),
        rng.uniform(0.5, 1, (lengths.sum(), 49)).astype(np.float32),
        lengths,
        [f"clip{number}" for number in range(NUM_CLIPS)],
        source="toy",
        split="val",
        glosses=CLASSES,
        label=np.arange(NUM_CLIPS) % 3 if labelled else np.full(NUM_CLIPS, -1),
    )
    head = dict(type="MASAHead", num_classes=3, in_channels=8)
    model = dict(type="SignRecognizer", backbone=ENCODER, cls_head=head)
    store = str(folder / "val.safetensors")
    dataset = dict(type="SignPoseDataset", ann_file=store, test_mode=True, pipeline=list(PIPELINE))
    config = folder / "toy.py"
    config.write_text(
        f"custom_imports = dict(imports=['masa_mm'])\ndefault_scope = 'mmaction'\n"
        f"model = {model!r}\n"
        f"val_dataloader = test_dataloader = dict(batch_size=4, dataset={dataset!r})\n"
    )
    state = recogniser(num_classes=3).state_dict()
    meta = dict(dataset_meta=dict(classes=list(classes)), coverage="toys: 12 of 12 clips")
    torch.save(dict(state_dict=state, meta=meta), folder / "toy.pth")
    return ToyTraining(str(config), str(folder / "toy.pth"))
