"""A toy task that trains in a second, for tests of the command line."""

MODULE = """
import os

import torch
from mmaction.registry import DATASETS, METRICS, MODELS
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from torch import nn


@DATASETS.register_module()
class ToyDataset(torch.utils.data.Dataset):
    def __init__(self, size=24, num_classes=2, classes=("left", "right"), noise=0.1):
        generator = torch.Generator().manual_seed(0)
        self.noise = noise
        self.metainfo = dict(classes=list(classes))
        self.inputs = torch.randn(size, 6, generator=generator)
        borders = torch.arange(1, num_classes) - num_classes / 2
        self.labels = torch.bucketize(self.inputs[:, 0].contiguous(), borders)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        # Augmentation: the random numbers depend on the loading process.
        return dict(inputs=self.inputs[i] + self.noise * torch.randn(6), labels=self.labels[i])


@MODELS.register_module()
class ToyModel(BaseModel):
    def __init__(self, num_classes=2, cls_head=None):
        super().__init__()
        num_classes = (cls_head or {}).get("num_classes", num_classes)
        self.net = nn.Sequential(
            nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, num_classes)
        )

    def forward(self, inputs, labels, mode="tensor"):
        scores = self.net(inputs)
        if mode == "loss":
            print("dtype of the scores:", scores.dtype)
            self.steps = getattr(self, "steps", 0) + 1
            if self.steps == int(os.environ.get("TOY_DIES_AT_STEP", 0)):
                os._exit(9)  # like SIGKILL
            return dict(loss=nn.functional.cross_entropy(scores.float(), labels))
        rights = scores.argmax(1) == labels
        return [
            dict(right=right, pred_score=score, gt_label=label[None])
            for right, score, label in zip(rights, scores, labels)
        ]


@METRICS.register_module()
class ToyAccuracy(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results += [float(sample["right"]) for sample in data_samples]

    def compute_metrics(self, results):
        return dict(accuracy=sum(results) / len(results))
"""

CONFIG = """
custom_imports = dict(imports=["masa_mm", "masa_mm.engine", "toy_task"])
default_scope = "mmaction"
model = dict(type="ToyModel")
train_dataloader = dict(
    batch_size=4,
    num_workers={workers},
    dataset=dict(type="ToyDataset"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
)
val_dataloader = test_dataloader = dict(
    batch_size=4,
    dataset=dict(type="ToyDataset", size=10, noise=0),
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
)
val_evaluator = test_evaluator = dict(type="ToyAccuracy")
train_cfg = dict(by_epoch=True, max_epochs=4, val_interval=1)
val_cfg = test_cfg = dict()
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.1, momentum=0.9))
param_scheduler = [dict(type="CosineAnnealingLR", T_max=24, by_epoch=False)]
default_hooks = dict(
    logger=dict(type="LoggerHook", interval=3),
    checkpoint=dict(type="DurableCheckpointHook", interval=1, save_best="accuracy"),
)
custom_hooks = [dict(type="EpochSeedHook")]
auto_scale_lr = dict(enable=False, base_batch_size=8)
randomness = dict(seed=1)
"""


def write_task(folder, workers=0, **overrides):
    """Write the module and its config to a folder and return the path of the config."""
    (folder / "toy_task.py").write_text(MODULE)
    lines = [f"{name} = {value!r}" for name, value in overrides.items()]
    config = folder / "toy_config.py"
    config.write_text("\n".join([CONFIG.format(workers=workers), *lines, ""]))
    return config
