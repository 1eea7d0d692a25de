# The embedded demo signs; the signers of val and test are not in train.
train_pipeline = [
    dict(type="KeepHandFrames"),
    dict(type="SampleSignFrames", clip_len=32, mode="uniform"),
    dict(type="RandomPartAffine", rotation=15, scale=0.15, shift=0.03),
    dict(type="PackSignInputs"),
]
test_pipeline = [
    dict(type="KeepHandFrames"),
    dict(type="SampleSignFrames", clip_len=32, mode="uniform", jitter=False),
    dict(type="PackSignInputs"),
]
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="pad_clips"),
    dataset=dict(
        type="SignPoseDataset",
        ann_file="work_dirs/quickstart/data/demo_train.safetensors",
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="pad_clips"),
    dataset=dict(
        type="SignPoseDataset",
        ann_file="work_dirs/quickstart/data/demo_val.safetensors",
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=1,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="pad_clips"),
    dataset=dict(
        type="SignPoseDataset",
        ann_file="work_dirs/quickstart/data/demo_test.safetensors",
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
val_evaluator = dict(type="SignAccuracy", topk=(1, 5))
test_evaluator = val_evaluator
