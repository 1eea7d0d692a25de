# Two views per clip: the query view with masked frames, and a key view of half of the frames.
train_pipeline = [
    dict(type="SampleSignFrames", clip_len=128, mode="random", short="keep"),
    dict(type="AlignmentViews", key=[dict(type="RandomFrameView", keep_ratio=0.5)]),
    dict(type="MotionResidual", intervals=(3,), score_thr=0.4),
    dict(
        type="MotionAwareMasking",
        mask_ratio=0.9,
        motion_thr=5.0,
        joint_ratio=0.5,
        score_thr=0.4,
        interval=3,
    ),
    dict(type="PackSignInputs"),
]
train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    # Distributes each step's clips so that all processes get about as many frames.
    batch_sampler=dict(type="LengthBalancedBatches", drop_last=True, max_frames=128),
    collate_fn=dict(type="pad_clips"),
)
