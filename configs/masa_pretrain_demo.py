"""Tiny MASA pretrained on the embedded demo signs: the first half of tools/quickstart.sh."""

_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/models/masa_tiny.py",
    "./_base_/datasets/demo_pretrain.py",
    "./_base_/schedules/tiny_pretrain.py",
]

work_dir = "work_dirs/quickstart/pretrain"
max_epochs = 12
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-2, begin=0, end=1, convert_to_iter_based=True),
    dict(
        type="CosineAnnealingLR", eta_min=1e-5, begin=1, end=max_epochs, convert_to_iter_based=True
    ),
]
# lambda_s is the paper's: a few hundred clips tell signers apart sooner than signs.
model = dict(momentum=0.99, alignment=dict(queue_len=512, loss_weight=0.05))
custom_hooks = [dict(type="MomentumAlignmentHook", warmup_epochs=2)]
default_hooks = dict(logger=dict(interval=5), checkpoint=dict(interval=max_epochs))
