"""MASA pretrained on the pooled training splits of the four benchmarks (paper recipe)."""

_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/models/masa_base.py",
    "./_base_/datasets/sign_pretrain.py",
    "./_base_/schedules/pretrain_400e.py",
]

train_dataloader = dict(
    dataset=dict(
        type="ConcatDataset",
        datasets=[
            dict(type=name, ann_file=store, pipeline=_base_.train_pipeline)
            for name, store in (
                ("WLASLPose", "data/wlasl/wlasl_train.safetensors"),
                ("MSASLPose", "data/msasl/msasl_train.safetensors"),
                ("NMFsCSLPose", "data/nmfs_csl/nmfs_csl_train.safetensors"),
                ("SLR500Pose", "data/slr500/slr500_train.safetensors"),
            )
        ],
    )
)
default_hooks = dict(checkpoint=dict(interval=10))
