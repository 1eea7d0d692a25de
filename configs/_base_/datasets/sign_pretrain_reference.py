# Input of the authors' release, where it differs from the paper (docs/method.md). The clips are
# MMAction2 pickles in pixels, because the fallback's margin is in pixels. Stores hold parts already
# cropped by other rules: use train_pipeline[2:] for them.
train_pipeline = [
    dict(type="SelectSignJoints"),
    dict(
        type="ReferenceCropSignParts",
        box_scale=2.2,
        min_visible=10,
        visible_thr=0.4,
        fallback="elbow_wrist_50px",
        clamp="image",
        zero_left_above=255,
    ),
    # After cropping, the joints of a hand have scores if the hand has a box.
    dict(type="KeepHandFrames", min_joints=1),
    # The release's encoder attends to padding, so all clips have one length.
    dict(type="SampleSignFrames", clip_len=128, mode="random", short="pad"),
    # The key view keeps all frames; half of each part's frames are masked.
    dict(
        type="AlignmentViews",
        key=[
            dict(
                type="ReferenceMotionAwareMasking",
                mask_ratio=0.5,
                score_thr=0.0,
                level="part",
                strategy="random",
                visible_parts="all",
            )
        ],
    ),
    dict(type="ReferenceMotionResidual", intervals=(3,), score_thr=0.4, signed_thr=3.0),
    dict(
        type="ReferenceMotionAwareMasking",
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
