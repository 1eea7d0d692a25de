# The embedded demo signs (tools/data/make_demo.py), without labels.
train_pipeline = [
    dict(type="KeepHandFrames"),
    dict(type="SampleSignFrames", clip_len=40, mode="random", short="keep"),
    dict(
        type="AlignmentViews",
        key=[
            dict(type="RandomPartAffine", rotation=15, scale=0.15, shift=0.03),
            dict(type="RandomFrameView", keep_ratio=0.5),
        ],
    ),
    dict(type="RandomPartAffine", rotation=15, scale=0.15, shift=0.03),
    dict(type="MotionResidual", intervals=(3,)),
    dict(type="MotionAwareMasking", mask_ratio=0.9, motion_thr=5.0, joint_ratio=0.5, interval=3),
    dict(type="PackSignInputs"),
]
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="pad_clips"),
    dataset=dict(
        type="SignPoseDataset",
        ann_file="work_dirs/quickstart/data/demo_train.safetensors",
        pipeline=train_pipeline,
    ),
)
