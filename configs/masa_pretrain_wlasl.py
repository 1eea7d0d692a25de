"""MASA's pretraining (paper recipe, base size) on the poses of WLASL's training split."""

_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/models/masa_base.py",
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
