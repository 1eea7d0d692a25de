"""Tiny MASA finetuned on a fifth of the demo labels: the second half of tools/quickstart.sh."""

_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/models/recognizer_tiny.py",
    "./_base_/datasets/demo_finetune.py",
    "./_base_/schedules/tiny_finetune.py",
]

work_dir = "work_dirs/quickstart/finetune"
max_epochs = 30
train_cfg = dict(max_epochs=max_epochs, val_interval=5)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-2, begin=0, end=2, convert_to_iter_based=True),
    dict(
        type="CosineAnnealingLR", eta_min=1e-6, begin=2, end=max_epochs, convert_to_iter_based=True
    ),
]
train_dataloader = dict(dataset=dict(label_ratio=0.2))
model = dict(
    backbone=dict(
        init_cfg=dict(
            type="StrictPretrained",
            checkpoint="work_dirs/quickstart/pretrain/epoch_12.pth",
            prefix="backbone.",
        )
    ),
    cls_head=dict(num_classes=20),
)
default_hooks = dict(logger=dict(interval=5), checkpoint=dict(interval=max_epochs))
