"""Mixing: MMAction2's own STGCN++ on sign poses, with MASA's masking as augmentation.

Inherits MMAction2's config and replaces what belongs to another skeleton: the graph and the data.
"""

_base_ = [
    "mmaction::skeleton/stgcnpp/stgcnpp_8xb16-joint-u100-80e_ntu60-xsub-keypoint-2d.py",
    "./_base_/models/sign49_graph.py",
]

custom_imports = dict(imports=["masa_mm"], allow_failed_imports=False)
# These hooks of our default_runtime.py are not in MMAction2's.
default_hooks = dict(
    checkpoint=dict(type="DurableCheckpointHook"),
    epoch_seed=dict(type="EpochSeedHook"),
    sync_statistics=dict(type="SyncStatisticsHook"),
    coverage=dict(type="CoverageHook"),
)

model = dict(
    backbone=dict(graph_cfg=dict(_delete_=True, layout=_base_.layout, mode="spatial")),
    cls_head=dict(num_classes=100),
)

train_pipeline = [
    dict(type="KeepHandFrames"),
    dict(type="SampleSignFrames", clip_len=32, mode="uniform"),
    dict(type="MotionAwareMasking", mask_ratio=0.3, erase=True),
    dict(type="FormatGCNInput", num_person=1),
    dict(type="PackActionInputs"),
]
test_pipeline = [
    dict(type="KeepHandFrames"),
    dict(type="SampleSignFrames", clip_len=32, mode="uniform", jitter=False),
    dict(type="FormatGCNInput", num_person=1),
    # With names, tools/fuse_scores.py can combine the scores with those of other systems.
    dict(type="PackActionInputs", meta_keys=("frame_dir",)),
]
data = dict(type="WLASLPose", subset=100, split_file="data/wlasl/nslt_100.json")
train_dataloader = dict(
    batch_size=32,
    dataset=dict(
        _delete_=True,
        ann_file="data/wlasl/wlasl_train.safetensors",
        split="train",
        pipeline=train_pipeline,
        **data,
    ),
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        ann_file="data/wlasl/wlasl_val.safetensors",
        split="val",
        pipeline=test_pipeline,
        test_mode=True,
        **data,
    )
)
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        ann_file="data/wlasl/wlasl_test.safetensors",
        split="test",
        pipeline=test_pipeline,
        test_mode=True,
        **data,
    )
)
val_evaluator = dict(_delete_=True, type="SignAccuracy")
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=80)
param_scheduler = [dict(type="CosineAnnealingLR", T_max=80, convert_to_iter_based=True)]
