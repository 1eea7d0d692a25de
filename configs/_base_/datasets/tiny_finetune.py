# Input of the tiny network on a CPU: 32 frames spread over the clip, without those that show no
# hand.
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
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="pad_clips"),
    dataset=dict(pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="pad_clips"),
    dataset=dict(pipeline=test_pipeline, test_mode=True),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="SignAccuracy", topk=(1, 5))
test_evaluator = val_evaluator
