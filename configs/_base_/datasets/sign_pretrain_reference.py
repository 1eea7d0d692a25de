# What the authors' release feeds its network, where that differs from the paper (docs/method.md).
# The joints come in pixels, from MMAction2 pickles, for its fallback's margin is in pixels. Stores
# hold crops ready, made by other rules: give their datasets train_pipeline[2:].
train_pipeline = [
    dict(type="SelectSignJoints"),
    dict(
        type="CropSignParts",
        box_scale=2.2,
        min_visible=10,
        visible_thr=0.4,
        fallback="elbow_wrist_50px",
        clamp="image",
        zero_left_above=255,
    ),
    # After cropping a joint has a score where its hand has a box.
    dict(type="KeepHandFrames", min_joints=1),
    # Its encoder attends to padding, so the length is always the same.
    dict(type="SampleSignFrames", clip_len=128, mode="random", short="pad"),
    # The key view keeps all frames; half of the frames of each part are hidden.
    dict(
        type="AlignmentViews",
        key=[
            dict(
                type="MotionAwareMasking",
                mask_ratio=0.5,
                score_thr=0.0,
                level="part",
                strategy="random",
                visible_parts="all",
            )
        ],
    ),
    dict(type="MotionResidual", intervals=(3,), score_thr=0.4, signed_thr=3.0),
    dict(
        type="MotionAwareMasking",
        mask_ratio=0.9,
        motion_thr=3.0,
        joint_ratio=0.0,
        score_thr=0.0,
        interval=3,
        level="part",
        signed=True,
        visible_parts="all",
    ),
    dict(type="PackSignInputs"),
]
train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="pad_clips"),
)
