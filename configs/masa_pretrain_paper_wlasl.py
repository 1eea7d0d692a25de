"""MASA pretrained to the letter of the paper (docs/method.md) on WLASL's training split."""

_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/models/masa_paper.py",
    "./_base_/datasets/sign_pretrain.py",
    "./_base_/schedules/pretrain_400e.py",
]

train_dataloader = dict(
    dataset=dict(
        type="WLASLPose",
        ann_file="data/wlasl/wlasl_train.safetensors",
        pipeline=_base_.train_pipeline,
    )
)
default_hooks = dict(checkpoint=dict(interval=10))
