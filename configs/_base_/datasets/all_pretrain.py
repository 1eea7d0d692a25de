# The pooled training splits of the four benchmarks (docs/data/).
_base_ = ["./sign_pretrain.py"]

train_dataloader = dict(
    # "natural" takes every clip once per epoch, "balanced" equally many of each benchmark.
    sampler=dict(type="PoolSampler", sampling="natural"),
    dataset=dict(
        type="PooledSigns",
        # "skip" leaves out benchmarks whose stores do not exist and logs their names.
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
