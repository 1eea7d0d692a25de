"""MASA pretrained on the pooled training splits of the four benchmarks (paper recipe)."""

_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/models/masa_base.py",
    "./_base_/datasets/sign_pretrain.py",
    "./_base_/schedules/pretrain_400e.py",
]

train_dataloader = dict(
    # "natural" takes every clip once an epoch, "balanced" as many of each benchmark.
    sampler=dict(type="PoolSampler", sampling="natural"),
    dataset=dict(
        type="PooledSigns",
        # "skip" pretrains without the benchmarks whose stores are not there; the log names them.
        missing="error",
        pipeline=_base_.train_pipeline,
        datasets=[
            dict(type="WLASLPose", ann_file="data/wlasl/wlasl_train.safetensors"),
            dict(type="MSASLPose", ann_file="data/msasl/msasl_train.safetensors"),
            dict(type="NMFsCSLPose", ann_file="data/nmfs_csl/nmfs_csl_train.safetensors"),
            dict(type="SLR500Pose", ann_file="data/slr500/slr500_train.safetensors"),
        ],
    ),
)
default_hooks = dict(checkpoint=dict(interval=10))
