# MASA, section IV-A: 32 frames, a random temporal crop for training, the central one for testing.
train_pipeline = [
    dict(type="SampleSignFrames", clip_len=32, mode="random"),
    dict(type="PackSignInputs"),
]
test_pipeline = [
    dict(type="SampleSignFrames", clip_len=32, mode="center"),
    dict(type="PackSignInputs"),
]
train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="pad_clips"),
    dataset=dict(pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="pad_clips"),
    dataset=dict(pipeline=test_pipeline, test_mode=True),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="SignAccuracy", topk=(1, 5))
test_evaluator = val_evaluator
