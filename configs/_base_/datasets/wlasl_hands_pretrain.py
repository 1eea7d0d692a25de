# WLASL-hands: both hands of 8,313 WLASL training clips. The wrists are the only body joints.
affine = dict(type="RandomPartAffine", rotation=30, scale=0.3, shift=0.08, shear=0.2)
train_pipeline = [
    dict(type="KeepHandFrames"),
    dict(type="SampleSignFrames", clip_len=64, mode="random", short="keep"),
    dict(
        type="AlignmentViews",
        # A contiguous part of the clip gave better features than RandomFrameView.
        key=[affine, dict(type="SampleSignFrames", clip_len=24, mode="random", short="keep")],
    ),
    affine,
    dict(type="MotionResidual", intervals=(3,)),
    dict(type="MotionAwareMasking", mask_ratio=0.9, motion_thr=5.0, joint_ratio=0.5, interval=3),
    dict(type="PackSignInputs"),
]
train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="pad_clips"),
    dataset=dict(
        type="SignPoseDataset",
        ann_file="data/wlasl_hands/wlasl_hands_train.safetensors",
        pipeline=train_pipeline,
    ),
)
